/* ledger: operations whose bodies are any bytes, from signers of every standing,
 * applied slot by slot.  Nothing crashes, and a second ledger, loaded from what
 * the first one says has changed, has the same root.
 *
 * The input is a sequence of commands: one byte (signer, and what to do), a
 * length, and the body.  Envelope and ids are made right, or no input would get
 * past them; signatures are all accepted. */
#include <stdlib.h>

#include "bft/bft.h"
#include "epoch/epoch.h"
#include "ledger/ledger.h"

enum { SIGNERS = 8, IDS_MAX = 32, COMMANDS_MAX = 64, SCRATCH = 1 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

struct world {
    struct arena memory, other_memory, scratch;
    struct ledger *l;
    struct ledger_config config;
    struct valset_member members[4];
    struct neuron neurons[SIGNERS];
    struct hotkey keys[SIGNERS];
    struct genesis genesis;
    struct hash ids[IDS_MAX];
    uint32_t id_count;
    uint64_t nonce;
};

static bool accept(void *ctx, const struct hotkey *key, struct span message,
                   const struct signature *s)
{
    (void)ctx, (void)key, (void)message, (void)s;
    return true;
}

static void must(enum err e)
{
    if (e != ERR_OK)
        abort();
}

/* Keys 0 .. 3 are validators, 4 the owner, 5 and 6 miners, 7 a stranger. */
static void begin(struct world *w)
{
    *w = (struct world){0};
    for (uint8_t i = 0; i < SIGNERS; i++) {
        memset(w->keys[i].bytes, i + 1, HOTKEY_SIZE);
        w->neurons[i] = (struct neuron){.hotkey = w->keys[i], .uid = i};
    }
    for (uint16_t i = 0; i < 4; i++)
        w->members[i] = (struct valset_member){.hotkey = w->keys[i], .stake = 10, .uid = i};
    w->genesis = (struct genesis){.neurons = w->neurons,
                                  .neurons_count = SIGNERS - 1,
                                  .valset = {.epoch = 1,
                                             .chain_block = 1,
                                             .owner = w->keys[4],
                                             .members = w->members,
                                             .members_count = 4}};
    w->config = (struct ledger_config){.network = ledger_network_id(&w->genesis),
                                       .verifier = {.verify = accept},
                                       .entries_max = LEDGER_ENTRIES_MIN,
                                       .state_bytes_max = LEDGER_BYTES_MIN,
                                       .input_bytes_max = LEDGER_INPUT_BYTES_MAX};
    must(arena_open(&w->memory, ledger_arena_size(&w->config)));
    must(arena_open(&w->scratch, SCRATCH));
    must(ledger_init(&w->l, &w->memory, &w->config));
    must(ledger_genesis(w->l, &w->genesis));
}

/* What the network itself would propose. */
static bool proper_body(struct world *w, uint8_t tag, struct op_body *b)
{
    struct state_candidate c;
    *b = (struct op_body){.tag = (enum op_body_tag)tag};
    if (!ledger_candidate(w->l, &w->scratch, &c))
        return false;
    if (tag == OP_BODY_WEIGHTS)
        b->weights = (struct op_weights){ledger_epoch(w->l), c.cutoff,
                                         epoch_weights_hash(&c.weights, &w->scratch)};
    else if (tag == OP_BODY_SEAL)
        b->seal = (struct op_seal){ledger_epoch(w->l), c.log_size, c.log_root,
                                   bft_valset_hash(ledger_valset(w->l))};
    else if (tag == OP_BODY_EPOCH)
        b->epoch = (struct op_epoch){*ledger_valset(w->l), w->neurons, SIGNERS - 1};
    else
        return false;
    if (tag == OP_BODY_EPOCH) {
        b->epoch.next.epoch++;
        b->epoch.next.chain_block++;
    }
    return true;
}

/* The envelope, and then body as it is, or made proper. */
static struct span envelope(struct world *w, uint8_t command, struct span body)
{
    struct room room = {arena_alloc(&w->scratch, OPERATION_SIZE_MAX), OPERATION_SIZE_MAX};
    struct wr o = wr_init(room);
    struct op_body proper;
    static const uint8_t no_signature[SIGNATURE_SIZE];
    wr_raw(&o, hash_span(&w->config.network));
    wr_u64(&o, ledger_epoch(w->l));
    wr_u64(&o, ++w->nonce);
    wr_raw(&o, hotkey_span(&w->keys[command % SIGNERS]));
    size_t at = o.used;
    if ((command & 64) != 0 && body.len > 0 && proper_body(w, body.ptr[0], &proper))
        op_body_write(&o, &proper);
    else
        wr_raw(&o, body);
    if (body.len >= 33 && body.ptr[0] >= OP_BODY_CHALLENGE_APPROVE &&
        body.ptr[0] <= OP_BODY_ATTEST_REVEAL && w->id_count > 0)
        memcpy(room.ptr + at + 1, w->ids[body.ptr[1] % w->id_count].bytes, HASH_SIZE);
    wr_raw(&o, span_of(no_signature, sizeof no_signature));
    return wr_done(&o);
}

static void slot(struct world *w, struct span payload)
{
    struct ledger_result r;
    uint64_t seq = ledger_slot(w->l) + 1;
    (void)ledger_check_batch(w->l, seq, payload, NULL, &w->scratch);
    must(ledger_apply(w->l, seq, payload, &w->scratch, &r));
    for (uint32_t i = 0; i < r.notice_count; i++)
        if ((r.notices[i].kind == LEDGER_CHALLENGE || r.notices[i].kind == LEDGER_SUBMISSION) &&
            w->id_count < IDS_MAX)
            w->ids[w->id_count++] = r.notices[i].id;
    if (seq % BFT_CHECKPOINT_INTERVAL == 0)
        ledger_checkpoint(w->l, seq, seq, &w->config.network);
}

static void run(struct world *w, uint8_t command, struct span body)
{
    enum reject why;
    struct span op = envelope(w, command, body);
    if (op.ptr == NULL)
        return;
    enum err e = op_check(w->l, op, &w->scratch, &why);
    if ((e == ERR_OK) != (why == REJECT_NONE))
        abort();
    const struct op_bytes one = {.bytes = op};
    const struct batch batch = {.ops = &one, .ops_count = 1};
    struct room room = {arena_alloc(&w->scratch, op.len + 64), op.len + 64};
    while ((command & 32) != 0 && ledger_slot(w->l) % BFT_CHECKPOINT_INTERVAL != 15)
        slot(w, (struct span){0});
    slot(w, batch_encode(&batch, room));
}

static void compare(struct world *w)
{
    struct ledger *other;
    struct span key, value;
    must(arena_open(&w->other_memory, ledger_arena_size(&w->config)));
    must(ledger_init(&other, &w->other_memory, &w->config));
    while (ledger_next_change(w->l, &key, &value))
        if (value.len != 0)
            must(ledger_load(other, key, value));
    must(ledger_loaded(other));
    struct hash a = ledger_root(w->l), b = ledger_root(other);
    if (!hash_equal(&a, &b))
        abort();
    arena_close(&w->other_memory);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct world w;
    struct rd r = rd_init(span_of(bytes, size));
    begin(&w);
    for (int i = 0; i < COMMANDS_MAX && r.left >= 3; i++) {
        uint8_t command = rd_u8(&r);
        size_t len = rd_u16(&r);
        struct span body = rd_take(&r, min_u64(len, r.left));
        arena_reset(&w.scratch, 0);
        run(&w, command, body);
    }
    compare(&w);
    arena_close(&w.memory);
    arena_close(&w.scratch);
    return 0;
}
