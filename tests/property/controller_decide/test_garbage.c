/*
 * Laws of garbage collection in a simulated world: objects that own each other in any way, circles
 * included, are deleted by users with any policy; then every object is decided, in any order, until
 * nothing changes any more.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <controller/decide/garbage.h>
#include <lib/tape.h>

#define OBJECTS 8
#define OWNERS  3
#define STEPS   4000

struct reference {
    int owner; /* index; OBJECTS: one that never was */
    bool blocks;
};

struct object {
    bool there, deleting, foreground, orphan;
    bool held;     /* by a finalizer that nobody takes away */
    bool asked;    /* a user has deleted it */
    bool orphaned; /* by an owner that let it go */
    struct reference owners[OWNERS];
    size_t owner_count;
};

struct world {
    struct object objects[OBJECTS];
    bool had_owner[OBJECTS]; /* at the beginning */
};

static void make_world(struct world *world, struct tape *tape)
{
    memset(world, 0, sizeof(*world));
    for (int i = 0; i < OBJECTS; i++) {
        struct object *object = &world->objects[i];
        object->there = true;
        object->held = tape_below(tape, 8) == 1;
        object->owner_count = tape_below(tape, OWNERS + 1);
        for (size_t o = 0; o < object->owner_count; o++)
            object->owners[o] =
                (struct reference){(int)tape_below(tape, OBJECTS + 1), tape_bool(tape)};
        world->had_owner[i] = object->owner_count > 0;
    }
}

static enum owner_state state_of(const struct world *world, int owner)
{
    const struct object *object = &world->objects[owner == OBJECTS ? 0 : owner];
    if (owner == OBJECTS || !object->there)
        return OWNER_GONE;
    if (object->deleting && object->orphan)
        return OWNER_ORPHANS;
    return object->deleting && object->foreground ? OWNER_WAITS : OWNER_THERE;
}

/* A reference to itself is none. */
static bool refers(const struct object *object, int self, size_t reference)
{
    return reference < object->owner_count && object->owners[reference].owner != self;
}

/* From @from up, by references that block. */
static bool reaches(const struct world *world, int from, int target, bool *visited)
{
    const struct object *object = &world->objects[from];
    for (size_t o = 0; o < object->owner_count; o++) {
        int owner = object->owners[o].owner;
        if (!refers(object, from, o) || !object->owners[o].blocks || owner == OBJECTS ||
            !world->objects[owner].there || visited[owner])
            continue;
        visited[owner] = true;
        if (owner == target || reaches(world, owner, target, visited))
            return true;
    }
    return false;
}

static void look(const struct world *world, int self, struct garbage_input *in,
                 enum owner_state *states)
{
    const struct object *object = &world->objects[self];
    *in = (struct garbage_input){.owners = states,
                                 .owner_count = object->owner_count,
                                 .deleting = object->deleting,
                                 .foreground = object->foreground,
                                 .orphan = object->orphan};
    for (size_t o = 0; o < object->owner_count; o++)
        states[o] =
            refers(object, self, o) ? state_of(world, object->owners[o].owner) : OWNER_THERE;
    for (int i = 0; i < OBJECTS; i++) {
        const struct object *other = &world->objects[i];
        bool depends = false;
        bool blocks = false;
        for (size_t o = 0; other->there && i != self && o < other->owner_count; o++) {
            depends |= other->owners[o].owner == self;
            blocks |= other->owners[o].owner == self && other->owners[o].blocks;
        }
        in->dependents += depends;
        in->blocking += blocks;
    }
    bool visited[OBJECTS] = {false};
    in->circle = reaches(world, self, self, visited);
}

static void leave_if_free(struct object *object)
{
    if (object->deleting && !object->held && !object->foreground && !object->orphan)
        object->there = false;
}

static void drop(struct object *object, const enum owner_state *states, unsigned which)
{
    size_t kept = 0;
    for (size_t o = 0; o < object->owner_count; o++) {
        if (!(states[o] & which))
            object->owners[kept++] = object->owners[o];
        else if (states[o] == OWNER_ORPHANS)
            object->orphaned = true;
    }
    object->owner_count = kept;
}

static void unblock(struct object *object)
{
    for (size_t o = 0; o < object->owner_count; o++)
        object->owners[o].blocks = false;
}

/* Decides one object; true when that changed something. */
static bool step(struct world *world, int self)
{
    struct object *object = &world->objects[self];
    enum owner_state states[OWNERS];
    struct garbage_input in;
    if (!object->there)
        return false;
    look(world, self, &in, states);
    struct garbage_plan plan = garbage_decide(&in);
    switch (plan.verb) {
    case GARBAGE_KEEP:
    case GARBAGE_WAIT:
        return false;
    case GARBAGE_RELEASE:
        drop(object, states, plan.drop);
        break;
    case GARBAGE_DELETE_FOREGROUND:
        object->deleting = object->foreground = true;
        if (plan.unblock)
            unblock(object);
        break;
    case GARBAGE_UNBLOCK:
        unblock(object);
        break;
    case GARBAGE_DELETE:
        object->deleting = true;
        break;
    case GARBAGE_FINISH_FOREGROUND:
        object->foreground = false;
        break;
    case GARBAGE_FINISH_ORPHAN:
        object->orphan = false;
        break;
    }
    leave_if_free(object);
    return true;
}

static void user_deletes(struct world *world, struct tape *tape)
{
    struct object *object = &world->objects[tape_below(tape, OBJECTS)];
    size_t policy = tape_below(tape, 3);
    if (!object->there || object->deleting)
        return;
    object->asked = object->deleting = true;
    object->foreground = policy == 1;
    object->orphan = policy == 2;
    leave_if_free(object);
}

/* In an order that the tape chooses; false when it never ends. */
static bool settle(struct world *world, struct tape *tape)
{
    for (int steps = 0; steps < STEPS; steps++) {
        bool changed = false;
        int first = (int)tape_below(tape, OBJECTS);
        for (int i = 0; i < OBJECTS; i++)
            changed |= step(world, (first + i) % OBJECTS);
        if (!changed)
            return true;
    }
    return false;
}

static int broken(const char *law, int object)
{
    fprintf(stderr, "%s (object %d)\n", law, object);
    return -1;
}

/* Is every owner that it refers to gone? */
static bool abandoned(const struct world *world, int self)
{
    const struct object *object = &world->objects[self];
    for (size_t o = 0; o < object->owner_count; o++) {
        if (!refers(object, self, o) || state_of(world, object->owners[o].owner) != OWNER_GONE)
            return false;
    }
    return object->owner_count > 0;
}

/* Something below it is held by a foreign finalizer, so it may wait. */
static bool waits_rightly(const struct world *world)
{
    for (int i = 0; i < OBJECTS; i++) {
        if (world->objects[i].there && world->objects[i].deleting && world->objects[i].held)
            return true;
    }
    return false;
}

static int check(const struct world *world)
{
    for (int i = 0; i < OBJECTS; i++) {
        const struct object *object = &world->objects[i];
        if (object->there && !object->deleting && abandoned(world, i))
            return broken("something is left without its owners", i);
        if (object->there && object->deleting && !object->held && !waits_rightly(world))
            return broken("a deletion never ends", i);
        if (object->there && object->deleting && object->orphan)
            return broken("dependents are never let go", i);
        if (!world->had_owner[i] && !object->asked && (!object->there || object->deleting))
            return broken("nobody's object was deleted", i);
    }
    return 0;
}

/* One whose owner is still there, living, and was from the beginning, is there too. */
static int check_kept(const struct world *before, const struct world *world)
{
    for (int i = 0; i < OBJECTS; i++) {
        const struct object *object = &before->objects[i];
        for (size_t o = 0; o < object->owner_count; o++) {
            int owner = object->owners[o].owner;
            bool alive = owner != OBJECTS && owner != i && world->objects[owner].there &&
                         !world->objects[owner].deleting;
            if (alive && !world->objects[i].asked && !world->objects[i].there)
                return broken("something that had an owner was deleted", i);
        }
    }
    return 0;
}

static int property(struct tape *tape)
{
    struct world world, before;
    make_world(&world, tape);
    before = world;
    for (size_t n = 1 + tape_below(tape, 4); n > 0; n--) {
        user_deletes(&world, tape);
        for (size_t s = tape_below(tape, 10); s > 0; s--)
            step(&world, (int)tape_below(tape, OBJECTS));
    }
    if (!settle(&world, tape))
        return broken("it is never done", -1);
    return check(&world) ? -1 : check_kept(&before, &world);
}

static void holds(void **state)
{
    (void)state;
    assert_int_equal(tape_run("garbage", property, 20000), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(holds)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
