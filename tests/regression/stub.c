/* Stands in for the library of C functions that PostgreSQL's regression tests come with: enough for their types to keep their
 * values and for their triggers to let rows through. Needs no header; MAJOR is the server's version. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

typedef uintptr_t Datum;
extern void *palloc0(size_t);
extern char *pstrdup(const char *);

/* What a server compares with its own before it loads a library. */
struct abi {
    int version, arguments, index_keys, name_bytes, by_value;
#if MAJOR >= 15
    char vendor[32];
#endif
};
struct magic {
    int bytes;
    struct abi abi;
#if MAJOR >= 18
    const char *name, *version;
#endif
};
static const struct magic magic = {sizeof(struct magic), {MAJOR * 100, 100, 32, 64, 1,
#if MAJOR >= 15
                                                          "PostgreSQL"
#endif
                                                         }};
const struct magic *Pg_magic_func(void) { return &magic; }

struct call {
    void *function;
    char *context;
    void *result;
    uint32_t collation;
    uint8_t is_null;
    short count;
    struct { Datum value; uint8_t is_null; } arguments[];
};
struct info { int version; };
static const struct info info = {1};
#define FUNCTION(name) \
    const struct info *pg_finfo_##name(void) { return &info; } \
    Datum name(struct call *call)
#define NOTHING(name) FUNCTION(name) { call->is_null = 1; return 0; }
/* A trigger's context holds the row as it was and as it is to be. */
#define LET_THROUGH(name) \
    FUNCTION(name) { \
        if (!call->context) { call->is_null = 1; return 0; } \
        void **rows = (void **)(call->context + 16); \
        return (Datum)(rows[1] ? rows[1] : rows[0]); \
    }

FUNCTION(widget_in) {
    double *widget = palloc0(3 * sizeof *widget);
    sscanf((char *)call->arguments[0].value, "(%lf,%lf,%lf)", widget, widget + 1, widget + 2);
    return (Datum)widget;
}
FUNCTION(widget_out) {
    double *widget = (double *)call->arguments[0].value;
    char text[100];
    snprintf(text, sizeof text, "(%.17g,%.17g,%.17g)", widget[0], widget[1], widget[2]);
    return (Datum)pstrdup(text);
}
FUNCTION(int44in) {
    int *four = palloc0(4 * sizeof *four);
    sscanf((char *)call->arguments[0].value, "%d, %d, %d, %d", four, four + 1, four + 2, four + 3);
    return (Datum)four;
}
FUNCTION(int44out) {
    int *four = (int *)call->arguments[0].value;
    char text[60];
    snprintf(text, sizeof text, "%d,%d,%d,%d", four[0], four[1], four[2], four[3]);
    return (Datum)pstrdup(text);
}
LET_THROUGH(trigger_return_old)
LET_THROUGH(ttdummy)
LET_THROUGH(autoinc)
LET_THROUGH(check_primary_key)
LET_THROUGH(check_foreign_key)
NOTHING(binary_coercible)
NOTHING(get_columns_length)
NOTHING(interpt_pp)
NOTHING(is_catalog_text_unique_index_oid)
NOTHING(make_tuple_indirect)
NOTHING(overpaid)
NOTHING(pt_in_widget)
NOTHING(reverse_name)
NOTHING(set_ttdummy)
NOTHING(test_atomic_ops)
NOTHING(test_canonicalize_path)
NOTHING(test_enc_conversion)
NOTHING(test_enc_setup)
NOTHING(test_fdw_handler)
NOTHING(test_opclass_options_func)
NOTHING(test_relpath)
NOTHING(test_support_func)
