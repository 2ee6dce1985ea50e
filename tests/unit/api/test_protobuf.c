/* Bodies as k8s.io/api 0.35.10 encodes them, and the JSON that it makes of the same objects
 * (without what is empty). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <mot/base/mem.h>
#include <mot/model/json.h>

#include "api/protobuf.h"

static const struct {
    const char *name, *hex, *json;
} bodies[] = {
    {"namespace",
     "6b3873000a0f0a02763112094e616d65737061636512dc010aa6010a01611202672d1a016e22002a01753201"
     "373803420808bbf090d80610004a0808bbf090d806100050005a050a016512005a060a016b12017662080a03"
     "782f7912017a6a120a014b1a016f22026f752a027631300138007203662f317203662f328a01420a016d1206"
     "5570646174651a027631220808bbf090d806100032084669656c647356313a150a137b22663a73706563223a"
     "7b222e223a7b7d7d7d4206737461747573120c0a0a6b756265726e657465731a230a0641637469766512190a"
     "0154120454727565220808bbf090d80610002a015232014d1a002200",
     "{\"kind\":\"Namespace\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"a\",\"generateNam"
     "e\":\"g-\",\"namespace\":\"n\",\"uid\":\"u\",\"resourceVersion\":\"7\",\"generation\":3,"
     "\"creationTimestamp\":\"2026-11-23T12:57:31Z\",\"deletionTimestamp\":\"2026-11-23T12:57:"
     "31Z\",\"deletionGracePeriodSeconds\":0,\"labels\":{\"e\":\"\",\"k\":\"v\"},\"annotations"
     "\":{\"x/y\":\"z\"},\"ownerReferences\":[{\"apiVersion\":\"v1\",\"kind\":\"K\",\"name\":"
     "\"o\",\"uid\":\"ou\",\"controller\":true,\"blockOwnerDeletion\":false}],\"finalizers\":["
     "\"f/1\",\"f/2\"],\"managedFields\":[{\"manager\":\"m\",\"operation\":\"Update\",\"apiVer"
     "sion\":\"v1\",\"time\":\"2026-11-23T12:57:31Z\",\"fieldsType\":\"FieldsV1\",\"fieldsV1\""
     ":{\"f:spec\":{\".\":{}}},\"subresource\":\"status\"}]},\"spec\":{\"finalizers\":[\"kuber"
     "netes\"]},\"status\":{\"phase\":\"Active\",\"conditions\":[{\"type\":\"T\",\"status\":\""
     "True\",\"lastTransitionTime\":\"2026-11-23T12:57:31Z\",\"reason\":\"R\",\"message\":\"M"
     "\"}]}}"},
    {"bare_namespace",
     "6b3873000a0f0a02763112094e616d657370616365121c0a140a047465616d12001a0022002a003200380042"
     "0012001a020a001a002200",
     "{\"kind\":\"Namespace\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"team\"},\"spec\":"
     "{},\"status\":{}}"},
    {"core_event",
     "6b3873000a0b0a02763112054576656e74129f010a110a016512001a0022002a0032003800420012240a0144"
     "12016e1a01772201752a106d6f742e6465762f7631616c706861313201393a01701a015222014d2a060a0163"
     "120168320808bbf090d80610003a0808bbf090d806100040024a064e6f726d616c520b08bbf090d8061080f3"
     "87605a0f0804120b08bbf090d8061080f387606201416a0f0a015812001a0022002a0032003a00720272637a"
     "0272691a002200",
     "{\"kind\":\"Event\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"e\"},\"involvedObject"
     "\":{\"kind\":\"D\",\"namespace\":\"n\",\"name\":\"w\",\"uid\":\"u\",\"apiVersion\":\"mot"
     ".dev/v1alpha1\",\"resourceVersion\":\"9\",\"fieldPath\":\"p\"},\"reason\":\"R\",\"messag"
     "e\":\"M\",\"source\":{\"component\":\"c\",\"host\":\"h\"},\"firstTimestamp\":\"2026-11-2"
     "3T12:57:31Z\",\"lastTimestamp\":\"2026-11-23T12:57:31Z\",\"count\":2,\"type\":\"Normal\""
     ",\"eventTime\":\"2026-11-23T12:57:31.201456Z\",\"series\":{\"count\":4,\"lastObservedTim"
     "e\":\"2026-11-23T12:57:31.201456Z\"},\"action\":\"A\",\"related\":{\"kind\":\"X\"},\"rep"
     "ortingComponent\":\"rc\",\"reportingInstance\":\"ri\"}"},
    {"old_event",
     "6b3873000a0b0a02763112054576656e74123e0a110a016512001a0022002a00320038004200120f0a014412"
     "001a0022002a0032003a001a0022002a040a00120032003a0040014a005200620072007a001a002200",
     "{\"kind\":\"Event\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"e\"},\"involvedObject"
     "\":{\"kind\":\"D\"},\"source\":{},\"count\":1}"},
    {"event",
     "6b3873000a190a106576656e74732e6b38732e696f2f763112054576656e74128a010a110a016512001a0022"
     "002a00320038004200120b08bbf090d8061080f387601a0f0804120b08bbf090d8061080f38760220272632a"
     "0272693201413a015242100a014412001a017722002a0032003a004a0f0a015812001a0022002a0032003a00"
     "52014e5a064e6f726d616c62050a016312006a0808bbf090d8061000720808bbf090d806100078051a002200",
     "{\"kind\":\"Event\",\"apiVersion\":\"events.k8s.io/v1\",\"metadata\":{\"name\":\"e\"},\""
     "eventTime\":\"2026-11-23T12:57:31.201456Z\",\"series\":{\"count\":4,\"lastObservedTime\""
     ":\"2026-11-23T12:57:31.201456Z\"},\"reportingController\":\"rc\",\"reportingInstance\":"
     "\"ri\",\"action\":\"A\",\"reason\":\"R\",\"regarding\":{\"kind\":\"D\",\"name\":\"w\"},"
     "\"related\":{\"kind\":\"X\"},\"note\":\"N\",\"type\":\"Normal\",\"deprecatedSource\":{\""
     "component\":\"c\"},\"deprecatedFirstTimestamp\":\"2026-11-23T12:57:31Z\",\"deprecatedLas"
     "tTimestamp\":\"2026-11-23T12:57:31Z\",\"deprecatedCount\":5}"},
    {"lease",
     "6b3873000a1f0a16636f6f7264696e6174696f6e2e6b38732e696f2f763112054c6561736512360a110a016c"
     "12001a0022002a0032003800420012210a0168100f1a0b08bbf090d8061080f38760220b08bbf090d8061080"
     "f3876028001a002200",
     "{\"kind\":\"Lease\",\"apiVersion\":\"coordination.k8s.io/v1\",\"metadata\":{\"name\":\"l"
     "\"},\"spec\":{\"holderIdentity\":\"h\",\"leaseDurationSeconds\":15,\"acquireTime\":\"202"
     "6-11-23T12:57:31.201456Z\",\"renewTime\":\"2026-11-23T12:57:31.201456Z\",\"leaseTransiti"
     "ons\":0}}"},
    {"released_lease",
     "6b3873000a1f0a16636f6f7264696e6174696f6e2e6b38732e696f2f763112054c6561736512170a110a016c"
     "12001a0022002a0032003800420012020a001a002200",
     "{\"kind\":\"Lease\",\"apiVersion\":\"coordination.k8s.io/v1\",\"metadata\":{\"name\":\"l"
     "\"},\"spec\":{\"holderIdentity\":\"\"}}"},
    {"role",
     "6b3873000a240a1c726261632e617574686f72697a6174696f6e2e6b38732e696f2f76311204526f6c65122d"
     "0a110a017212001a0022002a0032003800420012180a036765740a046c69737412001a066576656e74732201"
     "781a002200",
     "{\"kind\":\"Role\",\"apiVersion\":\"rbac.authorization.k8s.io/v1\",\"metadata\":{\"name"
     "\":\"r\"},\"rules\":[{\"verbs\":[\"get\",\"list\"],\"apiGroups\":[\"\"],\"resources\":["
     "\"events\"],\"resourceNames\":[\"x\"]}]}"},
    {"cluster_role",
     "6b3873000a2b0a1c726261632e617574686f72697a6174696f6e2e6b38732e696f2f7631120b436c75737465"
     "72526f6c6512360a110a017212001a0022002a0032003800420012090a036765742a022f781a160a140a060a"
     "0161120162120a0a016b1202496e1a01761a002200",
     "{\"kind\":\"ClusterRole\",\"apiVersion\":\"rbac.authorization.k8s.io/v1\",\"metadata\":{"
     "\"name\":\"r\"},\"rules\":[{\"verbs\":[\"get\"],\"nonResourceURLs\":[\"/x\"]}],\"aggrega"
     "tionRule\":{\"clusterRoleSelectors\":[{\"matchLabels\":{\"a\":\"b\"},\"matchExpressions"
     "\":[{\"key\":\"k\",\"operator\":\"In\",\"values\":[\"v\"]}]}]}}"},
    {"role_binding",
     "6b3873000a2b0a1c726261632e617574686f72697a6174696f6e2e6b38732e696f2f7631120b526f6c654269"
     "6e64696e67124d0a110a016212001a0022002a0032003800420012100a04557365721201671a03616e6e2200"
     "12180a0e536572766963654163636f756e7412001a017322016e1a0c0a01671204526f6c651a01721a002200",
     "{\"kind\":\"RoleBinding\",\"apiVersion\":\"rbac.authorization.k8s.io/v1\",\"metadata\":{"
     "\"name\":\"b\"},\"subjects\":[{\"kind\":\"User\",\"apiGroup\":\"g\",\"name\":\"ann\"},{"
     "\"kind\":\"ServiceAccount\",\"name\":\"s\",\"namespace\":\"n\"}],\"roleRef\":{\"apiGroup"
     "\":\"g\",\"kind\":\"Role\",\"name\":\"r\"}}"},
    {"cluster_role_binding",
     "6b3873000a320a1c726261632e617574686f72697a6174696f6e2e6b38732e696f2f76311212436c75737465"
     "72526f6c6542696e64696e6712370a110a016212001a0022002a00320038004200120e0a0547726f75701200"
     "1a016722001a120a00120b436c7573746572526f6c651a01721a002200",
     "{\"kind\":\"ClusterRoleBinding\",\"apiVersion\":\"rbac.authorization.k8s.io/v1\",\"metad"
     "ata\":{\"name\":\"b\"},\"subjects\":[{\"kind\":\"Group\",\"name\":\"g\"}],\"roleRef\":{"
     "\"kind\":\"ClusterRole\",\"name\":\"r\"}}"},
    {"self_access",
     "6b3873000a320a17617574686f72697a6174696f6e2e6b38732e696f2f7631121753656c665375626a656374"
     "416363657373526576696577124f0a100a0012001a0022002a0032003800420012310a2f0a016e1203676574"
     "1a01672201762a01723201733a017842050a03613d624a0f0a00120b0a016b12064578697374731a08080012"
     "001a0020001a002200",
     "{\"kind\":\"SelfSubjectAccessReview\",\"apiVersion\":\"authorization.k8s.io/v1\",\"metad"
     "ata\":{},\"spec\":{\"resourceAttributes\":{\"namespace\":\"n\",\"verb\":\"get\",\"group"
     "\":\"g\",\"version\":\"v\",\"resource\":\"r\",\"subresource\":\"s\",\"name\":\"x\",\"fie"
     "ldSelector\":{\"rawSelector\":\"a=b\"},\"labelSelector\":{\"requirements\":[{\"key\":\"k"
     "\",\"operator\":\"Exists\"}]}}}}"},
    {"access",
     "6b3873000a2e0a17617574686f72697a6174696f6e2e6b38732e696f2f763112135375626a65637441636365"
     "737352657669657712420a100a0012001a0022002a00320038004200122412090a022f7812036765741a0175"
     "2201612201622a0b0a016b12060a01760a01773201311a08080012001a0020001a002200",
     "{\"kind\":\"SubjectAccessReview\",\"apiVersion\":\"authorization.k8s.io/v1\",\"metadata"
     "\":{},\"spec\":{\"nonResourceAttributes\":{\"path\":\"/x\",\"verb\":\"get\"},\"user\":\""
     "u\",\"groups\":[\"a\",\"b\"],\"extra\":{\"k\":[\"v\",\"w\"]},\"uid\":\"1\"}}"},
    {"local_access",
     "6b3873000a330a17617574686f72697a6174696f6e2e6b38732e696f2f763112184c6f63616c5375626a6563"
     "7441636365737352657669657712370a110a0012001a016e22002a0032003800420012180a110a0012036765"
     "741a0022002a0032003a001a017532001a08080012001a0020001a002200",
     "{\"kind\":\"LocalSubjectAccessReview\",\"apiVersion\":\"authorization.k8s.io/v1\",\"meta"
     "data\":{\"namespace\":\"n\"},\"spec\":{\"resourceAttributes\":{\"verb\":\"get\"},\"user"
     "\":\"u\"}}"},
    {"rules",
     "6b3873000a310a17617574686f72697a6174696f6e2e6b38732e696f2f7631121653656c665375626a656374"
     "52756c6573526576696577121d0a100a0012001a0022002a0032003800420012030a016e1a04180022001a00"
     "2200",
     "{\"kind\":\"SelfSubjectRulesReview\",\"apiVersion\":\"authorization.k8s.io/v1\",\"metada"
     "ta\":{},\"spec\":{\"namespace\":\"n\"}}"},
    {"token",
     "6b3873000a270a1861757468656e7469636174696f6e2e6b38732e696f2f7631120b546f6b656e5265766965"
     "7712260a100a0012001a0022002a0032003800420012060a01741201611a0a080012040a0012001a001a0022"
     "00",
     "{\"kind\":\"TokenReview\",\"apiVersion\":\"authentication.k8s.io/v1\",\"metadata\":{},\""
     "spec\":{\"token\":\"t\",\"audiences\":[\"a\"]}}"},
    {"self",
     "6b3873000a2d0a1861757468656e7469636174696f6e2e6b38732e696f2f7631121153656c665375626a6563"
     "74526576696577121a0a100a0012001a0022002a0032003800420012060a040a0012001a002200",
     "{\"kind\":\"SelfSubjectReview\",\"apiVersion\":\"authentication.k8s.io/v1\",\"metadata\""
     ":{}}"},
    {"delete",
     "6b3873000a270a16636f6f7264696e6174696f6e2e6b38732e696f2f7631120d44656c6574654f7074696f6e"
     "73121d080012060a01751201371800220a466f726567726f756e642a03416c6c1a002200",
     "{\"kind\":\"DeleteOptions\",\"apiVersion\":\"coordination.k8s.io/v1\",\"gracePeriodSecon"
     "ds\":0,\"preconditions\":{\"uid\":\"u\",\"resourceVersion\":\"7\"},\"orphanDependents\":"
     "false,\"propagationPolicy\":\"Foreground\",\"dryRun\":[\"All\"]}"},
};

/* The bytes of @hex; free() them. */
static char *bytes_of(const char *hex, size_t *ret_len)
{
    *ret_len = strlen(hex) / 2;
    char *bytes = mem_alloc(*ret_len + 1);
    for (size_t i = 0; i < *ret_len; i++) {
        const char digits[] = {hex[2 * i], hex[2 * i + 1], '\0'};
        bytes[i] = (char)strtoul(digits, NULL, 16);
    }
    return bytes;
}

static void test_bodies(void **state)
{
    (void)state;
    for (size_t i = 0; i < MOT_ARRAY_SIZE(bodies); i++) {
        size_t len;
        struct err err = {0};
        AUTO_FREE char *bytes = bytes_of(bodies[i].hex, &len);
        print_message("%s\n", bodies[i].name);
        json_t *object = protobuf_decode(bytes, len, &err);
        if (!object)
            fail_msg("%s", err.message);
        json_t *expected = json_loads(bodies[i].json, 0, NULL);
        AUTO_FREE char *text = json_text(object);
        if (!json_equal(object, expected))
            assert_string_equal(text, bodies[i].json);
        json_decref(expected);
        json_decref(object);
    }
}

/* Whatever is cut off or changed is refused or read, and nothing is touched beyond. */
static void test_damaged(void **state)
{
    (void)state;
    for (size_t i = 0; i < MOT_ARRAY_SIZE(bodies); i++) {
        size_t len;
        AUTO_FREE char *bytes = bytes_of(bodies[i].hex, &len);
        for (size_t cut = 0; cut < len; cut++) {
            struct err err = {0};
            AUTO_FREE char *part = mem_alloc(cut + 1);
            memcpy(part, bytes, cut);
            json_decref(protobuf_decode(part, cut, &err));
            bytes[cut] = (char)(bytes[cut] ^ 0x55);
            json_decref(protobuf_decode(bytes, len, &err));
            bytes[cut] = (char)(bytes[cut] ^ 0x55);
        }
    }
}

static const struct {
    const char *hex;
    enum err_code code;
} refused[] = {
    {"", ERR_INVALID},
    {"6b387300", ERR_INVALID},                           /* no type */
    {"7b7d", ERR_INVALID},                               /* JSON */
    {"6b3873000a090a02763112034665650a", ERR_INVALID},   /* cut off */
    {"6b3873000a090a0276311203466565", ERR_UNSUPPORTED}, /* v1 Fee */
    {"6b3873000a0f0a02763112094e616d65737061636512020aff", ERR_INVALID},
    {"6b3873000a0f0a02763112094e616d65737061636512050a030a01ff", ERR_INVALID}, /* no UTF-8 */
    {"6b3873000a0f0a02763112094e616d65737061636512050a030a0100", ERR_INVALID}, /* NUL */
    {"6b3873000a0f0a02763112094e616d657370616365120a0a085a060a016b120100", ERR_INVALID},
    {"6b3873000a0f0a02763112094e616d657370616365120a0a085a060a0100120176", ERR_INVALID},
    {"6b3873000a0f0a02763112094e616d6573706163651204080108ff", ERR_INVALID}, /* wrong type */
    {"6b3873000a0f0a02763112094e616d6573706163651209"
     "0a078a01043a020a00",
     ERR_INVALID}, /* fieldsV1 that is no JSON */
};

static void test_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < MOT_ARRAY_SIZE(refused); i++) {
        size_t len;
        struct err err = {0};
        AUTO_FREE char *bytes = bytes_of(refused[i].hex, &len);
        print_message("%s\n", refused[i].hex);
        assert_null(protobuf_decode(bytes, len, &err));
        assert_int_equal(err.code, refused[i].code);
    }
}

/* A list of very many empty messages would take a thousand times its size. */
static void test_many_values(void **state)
{
    (void)state;
    static const char head[] = "k8s\0\x0a\x0f\x0a\x02v1\x12\x09Namespace\x12\x84\xd2\x18"
                               "\x0a\x80\xd2\x18"; /* of 403716 and 403712 bytes */
    size_t entries = 201856;
    size_t len = sizeof(head) - 1 + 2 * entries;
    AUTO_FREE char *bytes = mem_alloc(len);
    struct err err = {0};
    memcpy(bytes, head, sizeof(head) - 1);
    for (size_t i = 0; i < entries; i++)
        memcpy(bytes + sizeof(head) - 1 + 2 * i, "\x6a\x00", 2); /* an empty ownerReference */
    assert_null(protobuf_decode(bytes, len, &err));
    assert_int_equal(err.code, ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bodies),
        cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_many_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
