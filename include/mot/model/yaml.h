/* YAML 1.2 core as Kubernetes reads it (sigs.k8s.io/yaml), by libyaml, into JSON. The only file
 * that uses libyaml. */
#ifndef MOT_MODEL_YAML_H
#define MOT_MODEL_YAML_H

#include <jansson.h>
#include <stddef.h>

#include <mot/base/err.h>
#include <mot/model/texts.h>

struct yaml_document {
    json_t *value; /* owned */
    int line;      /* where it begins, from 1 */
};

struct yaml_documents {
    struct yaml_document *items;
    size_t count;
};

/*
 * All documents of a stream; empty ones are left out. Errors: "NAME:LINE:COLUMN: what". Duplicate
 * keys are refused, aliases are expanded within limits (10000 nodes, depth 100), `yes`/`on` stay
 * strings only when quoted as in YAML 1.1 booleans (true/false/yes/no/on/off are booleans, as
 * kubectl reads them).
 */
int yaml_parse(const char *name, const char *text, size_t len, struct yaml_documents *ret_documents,
               struct err *err) MOT_NODISCARD;
/*
 * As a kube-apiserver reads a body: the first document alone (null when there is none), the last of
 * duplicate keys wins and each is added to @duplicates as `line 7: key "image" already set in map`
 * (at most 100). Errors are those of Go's decoder: `yaml: line 2: mapping values are not allowed in
 * this context`. A new reference.
 */
json_t *yaml_parse_first(const char *text, size_t len, struct texts *duplicates,
                         struct err *err) MOT_NODISCARD;
void yaml_documents_release(struct yaml_documents *documents);
/* The line of a path ("regions[2].name") in the document that starts at or after @document_line; 0
 * when it isn't there. For error messages only: it parses again. */
int yaml_line_of(const char *text, size_t len, size_t document_line, const char *path);
/* As kubectl prints -o yaml: keys sorted, block style. free() it. */
char *yaml_write(const json_t *value) MOT_NODISCARD;

#endif
