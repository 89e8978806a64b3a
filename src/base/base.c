#include "base/base.h"

struct err_words {
    const char *name;
    const char *text;
};

static const struct err_words words[] = {
    [ERR_OK] = {"OK", "no error"},
    [ERR_NO_MEMORY] = {"NO_MEMORY", "the memory set aside for this at start is used up"},
    [ERR_FULL] = {"FULL", "a bounded queue is full"},
    [ERR_IO] = {"IO", "the operating system reported an input or output error"},
    [ERR_CORRUPT] = {"CORRUPT", "stored data is damaged"},
    [ERR_FOREIGN] = {"FOREIGN", "the data belongs to another network or format version"},
    [ERR_MALFORMED] = {"MALFORMED", "the bytes are not in canonical form"},
    [ERR_TOO_BIG] = {"TOO_BIG", "a size is over its limit"},
    [ERR_NOT_FOUND] = {"NOT_FOUND", "there is no such thing"},
    [ERR_DENIED] = {"DENIED", "a rule forbids it"},
    [ERR_CONFLICT] = {"CONFLICT", "it contradicts something already accepted"},
    [ERR_BAD_SIGNATURE] = {"BAD_SIGNATURE", "the signature does not verify"},
    [ERR_BAD_KEY] = {"BAD_KEY", "the key is not valid"},
    [ERR_TIMEOUT] = {"TIMEOUT", "it took longer than its deadline"},
    [ERR_CLOSED] = {"CLOSED", "the other end went away"},
    [ERR_UNSUPPORTED] = {"UNSUPPORTED", "this is not supported"},
};

const char *err_name(enum err e)
{
    assert((size_t)e < COUNT_OF(words));
    return words[e].name;
}

const char *err_text(enum err e)
{
    assert((size_t)e < COUNT_OF(words));
    return words[e].text;
}
