#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "chain/chain.h"
#include "codec/hex.h"
#include "fuzz_chain.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ASKED_MAX = 64, LINE_SIZE_MAX = 4096 };

/* The client and the calls of it that were not answered yet. */
struct talk {
    struct chain *c;
    uint64_t now_ms;
    bool connected;
    uint32_t first, count;
    uint64_t asked[ASKED_MAX];
};

static void drain(struct talk *t)
{
    static const struct signature signature;
    struct chain_out out;
    while (chain_poll(t->c, &out)) {
        if (out.kind == CHAIN_OUT_SEND) {
            json_t *asked = json_loadb((const char *)out.text.ptr, out.text.len, 0, NULL);
            assert(asked != NULL);
            uint64_t id = (uint64_t)json_integer_value(json_object_get(asked, "id"));
            json_decref(asked);
            if (t->count < ASKED_MAX)
                t->asked[(t->first + t->count++) % ASKED_MAX] = id;
        }
        if (out.kind == CHAIN_OUT_SIGN)
            chain_signed(t->c, out.token, &signature, t->now_ms);
        if (out.kind == CHAIN_OUT_CLOSE)
            t->connected = false;
        if (out.kind == CHAIN_OUT_DOWN)
            t->count = 0;
        if (out.kind == CHAIN_OUT_HEAD)
            (void)!chain_read_metagraph(t->c, 1, t->now_ms);
    }
}

static void tell(struct talk *t, const char *before, const char *middle, size_t size,
                 const char *after)
{
    size_t room = strlen(before) + size + strlen(after) + 64;
    char *text = malloc(room);
    assert(text != NULL);
    int len = snprintf(text, room, "{\"jsonrpc\":\"2.0\",\"id\":%llu,%s",
                       (unsigned long long)t->asked[t->first], before);
    memcpy(text + len, middle, size);
    memcpy(text + (size_t)len + size, after, strlen(after) + 1);
    chain_on_text(t->c, span_of(text, strlen(text)), t->now_ms);
    free(text);
}

static void reply(struct talk *t, const char *before, const char *middle, size_t size)
{
    tell(t, before, middle, size, "}");
    if (t->count > 0) {
        t->first = (t->first + 1) % ASKED_MAX;
        t->count--;
    }
}

static const char *metadata_text(size_t *size)
{
    static char *text;
    struct span bytes;
    fuzz_metadata(&bytes);
    *size = 2 * bytes.len + 4;
    if (text == NULL) {
        text = malloc(*size + 1);
        assert(text != NULL);
        memcpy(text, "\"0x", 3);
        hex_encode(bytes, text + 3, 2 * bytes.len + 1);
        memcpy(text + *size - 1, "\"", 2);
    }
    return text;
}

/* One line of the input: R and E answer the oldest open call, M does with the
 * recorded metadata, N announces a head, T lets time pass, anything else is a
 * frame as it stands. */
static void act(struct talk *t, const char *line, size_t size)
{
    size_t whole;
    const char *metadata = metadata_text(&whole);
    const char *rest = line + (size != 0);
    size_t left = size - (size != 0);
    switch (size == 0 ? '\0' : line[0]) {
    case 'R':
        reply(t, "\"result\":", rest, left);
        return;
    case 'E':
        reply(t, "\"error\":", rest, left);
        return;
    case 'M':
        reply(t, "\"result\":", metadata, whole);
        return;
    case 'N':
        tell(t, "\"method\":\"chain_finalizedHead\",\"params\":{\"result\":{\"number\":", rest,
             left, "}}}");
        return;
    case 'T':
        t->now_ms = chain_wake_at(t->c) == UINT64_MAX ? t->now_ms : chain_wake_at(t->c);
        chain_on_time(t->c, t->now_ms);
        drain(t);
        if (!t->connected) {
            t->connected = true;
            chain_on_connected(t->c, t->now_ms);
        }
        return;
    default:
        chain_on_text(t->c, span_of(line, size), t->now_ms);
        return;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint16_t uids[] = {1, 2};
    struct chain_config c;
    chain_config_default(&c);
    c.has_hotkey = true;
    struct arena a;
    struct talk t = {.connected = true};
    assert(arena_open(&a, chain_arena_size(&c)) == ERR_OK);
    assert(chain_init(&t.c, &a, &c, 0) == ERR_OK);
    chain_on_connected(t.c, 0);
    struct chain_action weights = {
        .kind = CHAIN_SET_WEIGHTS,
        .weights = {.netuid = 2, .count = 2, .uids = uids, .values = uids}};
    struct chain_action mark = {.kind = CHAIN_SET_COMMITMENT, .commitment = SPAN_LITERAL("x")};
    assert(chain_submit(t.c, 1, &weights, 0) == ERR_OK);
    assert(chain_submit(t.c, 2, &mark, 0) == ERR_OK);
    drain(&t);
    for (size_t at = 0; at < size;) {
        const uint8_t *end = memchr(data + at, '\n', size - at);
        size_t len = end == NULL ? size - at : (size_t)(end - (data + at));
        if (memchr(data + at, 0, len) == NULL && len < LINE_SIZE_MAX)
            act(&t, (const char *)data + at, len);
        drain(&t);
        at += len + 1;
    }
    arena_close(&a);
    return 0;
}
