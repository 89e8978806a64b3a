#include "rpc/sample_test.h"

#include <stdlib.h>

#include "base/prng.h"
#include "crypto/hash.h"

enum { NOT_FINAL = 3 }; /* the last submissions are on their way */

static struct hash named(const char *kind, uint64_t number)
{
    struct {
        char kind[8];
        uint64_t number;
    } name = {.number = number};
    memcpy(name.kind, kind, strlen(kind));
    return hash_blake2b(span_of(&name, sizeof name));
}

static struct hotkey key_of(const char *kind, uint64_t number)
{
    struct hash h = named(kind, number);
    struct hotkey k;
    memcpy(k.bytes, h.bytes, sizeof k.bytes);
    return k;
}

static struct room room_for(struct sample *s, size_t size)
{
    struct room room = {arena_alloc(&s->memory, size), size};
    if (room.ptr == NULL)
        abort();
    return room;
}

static uint64_t score_of(uint32_t submission)
{
    return 9830 - 613u * submission;
}

/* --- the log */

static void append(struct sample *s, const struct audit_body *body)
{
    struct audit_node nodes[AUDIT_LEVELS];
    struct audit_entry e = {.format = AUDIT_FORMAT,
                            .index = s->tree.size,
                            .prev = s->last_leaf,
                            .height = s->height,
                            .epoch = s->set.epoch,
                            .body = *body};
    struct span bytes = audit_entry_encode(&e, room_for(s, 2048));
    if (bytes.ptr == NULL || e.index == SAMPLE_ENTRIES_MAX)
        abort();
    s->last_leaf = audit_leaf_hash(bytes);
    s->entries[e.index] = bytes;
    uint32_t count = audit_tree_append(&s->tree, &s->last_leaf, nodes);
    for (uint32_t i = 0; i < count; i++)
        s->nodes[nodes[i].level][nodes[i].index] = nodes[i].hash;
}

static void append_op(struct sample *s, uint32_t submission)
{
    struct audit_body body = {.tag = AUDIT_BODY_OP,
                              .op = {.op = s->ops[submission], .reject = REJECT_NONE}};
    if (s->op_at[submission] == 0) /* The genesis stands there. */
        s->op_at[submission] = s->tree.size;
    append(s, &body);
}

static void append_final(struct sample *s, uint32_t i)
{
    const struct state_submission *x = &s->submissions[i];
    struct audit_body body = {.tag = AUDIT_BODY_FINAL,
                              .final = {.submission = x->id,
                                        .challenge = x->challenge,
                                        .miner = x->miner,
                                        .score = x->result.score,
                                        .gas = x->result.gas,
                                        .outcome = x->result.outcome,
                                        .output = x->result.output,
                                        .input = x->blob,
                                        .agreed = {15}}};
    s->final_at[i] = s->tree.size;
    append(s, &body);
}

/* --- the agreed state */

static void make_set(struct sample *s)
{
    static const uint64_t tao[SAMPLE_VALIDATORS] = {41000, 30500, 22000, 12500};
    for (uint32_t i = 0; i < SAMPLE_VALIDATORS; i++)
        s->members[i] = (struct valset_member){key_of("val", i), tao[i] * 1000000000u, (uint16_t)i};
    s->set = (struct valset){.epoch = 7,
                             .chain_block = 2520,
                             .chain_hash = named("block", 2520),
                             .owner = key_of("owner", 0),
                             .members = s->members,
                             .members_count = SAMPLE_VALIDATORS};
}

static void make_challenges(struct sample *s)
{
    const struct policy policy = {.gas = 200000000,
                                  .wall_ms = 2000,
                                  .memory_pages = 64,
                                  .table_elements = 64,
                                  .stack_bytes = 65536,
                                  .host_calls = 100,
                                  .host_bytes = 65536,
                                  .input_bytes = 65536,
                                  .output_bytes = 4096,
                                  .log_bytes = 4096,
                                  .host_functions = 1,
                                  .join = POLICY_JOIN_DETERMINISTIC,
                                  .reveal_after = 8};
    static const char hostile[] = "<img src=x onerror=alert(1)>\"'";
    for (uint32_t i = 0; i < SAMPLE_CHALLENGES; i++) {
        struct state_challenge *c = &s->challenges[i];
        *c = (struct state_challenge){.id = named("chal", i), .owner = s->set.owner, .height = 3};
        c->phase = i == 0 ? CHALLENGE_PHASE_ACTIVE : CHALLENGE_PHASE_REGISTERED;
        c->body = (struct op_challenge_register){.name = SPAN_LITERAL("tsp"),
                                                 .version = SPAN_LITERAL("1.0.0"),
                                                 .module = named("module", i),
                                                 .module_size = 9120,
                                                 .policy = policy,
                                                 .share = 10000};
        if (i == 1)
            c->body.name = span_of(hostile, sizeof hostile - 1);
    }
}

static struct span make_op(struct sample *s, const struct state_submission *x, uint64_t nonce)
{
    struct op op = {.content = {.epoch = x->epoch, .nonce = nonce, .signer = x->miner}};
    op.content.body =
        (struct op_body){.tag = OP_BODY_SUBMISSION, .submission = {x->challenge, x->blob, x->size}};
    return op_encode(&op, room_for(s, 1024));
}

static void make_attests(struct sample *s, uint32_t i)
{
    struct state_submission *x = &s->submissions[i];
    uint32_t count = x->phase == SUBMISSION_PHASE_COMMITTING ? 2 : SAMPLE_VALIDATORS;
    for (uint32_t v = 0; v < count; v++) {
        struct state_attest *a = &s->attests[i][v];
        *a = (struct state_attest){.validator = s->members[v].hotkey,
                                   .commitment = named("commit", i * 8 + v)};
        a->has_revealed = x->phase == SUBMISSION_PHASE_FINAL;
        a->revealed = x->result;
    }
    x->attests = s->attests[i];
    x->attests_count = count;
}

static void make_submissions(struct sample *s)
{
    for (uint32_t i = 0; i < SAMPLE_SUBMISSIONS; i++) {
        struct state_submission *x = &s->submissions[i];
        bool final = i < SAMPLE_SUBMISSIONS - NOT_FINAL;
        *x = (struct state_submission){.challenge = s->challenges[0].id,
                                       .miner = s->miners[i % SAMPLE_MINERS],
                                       .blob = named("blob", i),
                                       .size = 208,
                                       .slot = 4 + i,
                                       .epoch = s->set.epoch,
                                       .has_result = final};
        x->phase = final        ? SUBMISSION_PHASE_FINAL
                   : i % 2 == 0 ? SUBMISSION_PHASE_REVEALING
                                : SUBMISSION_PHASE_COMMITTING;
        x->result = (struct attestation){.module = s->challenges[0].body.module,
                                         .output = named("out", i),
                                         .score = score_of(i),
                                         .gas = 61000000 + 17000000u * i,
                                         .outcome = OUTCOME_OK};
        s->ops[i] = make_op(s, x, i);
        x->id = hash_tagged("PLTFOPID", s->ops[i]);
        x->result.submission = x->id;
        make_attests(s, i);
        s->final_at[i] = UINT64_MAX;
    }
}

/* --- the view */

static void status(void *ctx, struct rpc_status *out)
{
    struct sample *s = ctx;
    *out = (struct rpc_status){.version = "0.1.0-sample",
                               .network = named("net", 0),
                               .self = s->members[1].hotkey,
                               .uptime_ms = s->height * 500,
                               .peers = 3,
                               .pending_ops = 2,
                               .log_size = s->tree.size,
                               .log_root = audit_tree_root(&s->tree),
                               .netuid = 2,
                               .chain_block = 2520 + s->height / 4,
                               .chain_hash = named("block", 2520 + s->height / 4),
                               .chain_age_ms = 3000};
    out->peer = (struct peer_id){.len = 38, .bytes = {0, 36, 8, 1, 18, 32}};
    out->bft = (struct bft_view_info){.epoch = s->set.epoch,
                                      .view = 3,
                                      .executed = s->height,
                                      .stable = s->certified_height,
                                      .normal = true,
                                      .voting = !s->unready,
                                      .leader = 3,
                                      .self = 1,
                                      .quorum_heard = s->unready ? 2 : 4,
                                      .has_quorum = !s->unready,
                                      .views_changed = 3};
}

static bool unready(void *ctx, uint32_t index, const char **name, const char **text)
{
    *name = "no_quorum";
    *text = "too little stake is connected to decide; start or reach other validators";
    return ((struct sample *)ctx)->unready && index == 0;
}

static struct span genesis(void *ctx)
{
    (void)ctx;
    return SPAN_LITERAL("genesis");
}

static const struct valset *valset(void *ctx)
{
    return &((struct sample *)ctx)->set;
}

static bool member(void *ctx, uint32_t index, struct rpc_member *out)
{
    struct sample *s = ctx;
    *out = (struct rpc_member){.connected = !s->unready || index < 2, .heard_ms = 40 + index};
    out->peer = (struct peer_id){.len = 38, .bytes = {0, 36, 8, 1, 18, 32, (uint8_t)index}};
    return index < SAMPLE_VALIDATORS;
}

static bool peer(void *ctx, uint32_t index, struct rpc_peer *out)
{
    struct sample *s = ctx;
    if (index >= 3)
        return false;
    uint32_t who = index == 0 ? 0 : index + 1;
    *out = (struct rpc_peer){.bound = true, .hotkey = s->members[who].hotkey};
    out->info = (struct p2p_peer_info){
        .inbound = index == 2, .ping_us = 310 + index, .agent = "platform/0.1.0"};
    out->info.id = (struct peer_id){.len = 38, .bytes = {0, 36, 8, 1, 18, 32, (uint8_t)who}};
    out->info.endpoint = (struct p2p_endpoint){
        .family = 4, .address = {127, 0, 0, 1}, .port = (uint16_t)(9000 + who)};
    return true;
}

static bool metric(void *ctx, uint32_t index, struct rpc_metric *out)
{
    (void)ctx;
    static const struct rpc_metric rows[] = {
        {RPC_COUNTER, "p2p_bytes_total", "Bytes on sockets.", "direction=\"in\"", 1200},
        {RPC_COUNTER, "p2p_bytes_total", "Bytes on sockets.", "direction=\"out\"", 900},
    };
    if (index < COUNT_OF(rows))
        *out = rows[index];
    return index < COUNT_OF(rows);
}

static bool challenge_at(void *ctx, uint32_t index, struct hash *id)
{
    if (index < SAMPLE_CHALLENGES)
        *id = ((struct sample *)ctx)->challenges[index].id;
    return index < SAMPLE_CHALLENGES;
}

static bool challenge(void *ctx, const struct hash *id, struct arena *scratch,
                      struct state_challenge *out)
{
    struct sample *s = ctx;
    (void)scratch;
    for (uint32_t i = 0; i < SAMPLE_CHALLENGES; i++)
        if (hash_equal(&s->challenges[i].id, id)) {
            *out = s->challenges[i];
            return true;
        }
    return false;
}

static bool leader_at(void *ctx, const struct hash *challenge, uint32_t index,
                      struct state_leader *out)
{
    struct sample *s = ctx;
    if (!hash_equal(challenge, &s->challenges[0].id) || index >= SAMPLE_MINERS)
        return false;
    const struct state_submission *x = &s->submissions[index];
    *out = (struct state_leader){x->miner, x->result.score, x->id, x->blob};
    return true;
}

static bool submission_at(void *ctx, uint32_t index, struct hash *id)
{
    if (index < SAMPLE_SUBMISSIONS)
        *id = ((struct sample *)ctx)->submissions[index].id;
    return index < SAMPLE_SUBMISSIONS;
}

static uint32_t find(const struct sample *s, const struct hash *id)
{
    uint32_t i = 0;
    while (i < SAMPLE_SUBMISSIONS && !hash_equal(&s->submissions[i].id, id))
        i++;
    return i;
}

static bool submission(void *ctx, const struct hash *id, struct arena *scratch,
                       struct state_submission *out)
{
    struct sample *s = ctx;
    uint32_t i = find(s, id);
    (void)scratch;
    if (i < SAMPLE_SUBMISSIONS)
        *out = s->submissions[i];
    return i < SAMPLE_SUBMISSIONS && !s->forgets;
}

static bool evaluation(void *ctx, const struct hash *id, struct rpc_evaluation *out)
{
    struct sample *s = ctx;
    uint32_t i = find(s, id);
    if (i == SAMPLE_SUBMISSIONS)
        return false;
    *out = (struct rpc_evaluation){.phase = i == SAMPLE_SUBMISSIONS - 1 ? "running" : "done",
                                   .gas = 61000000 + 17000000u * i,
                                   .memory = 131072 + 65536u * i,
                                   .host_calls = 2,
                                   .host_bytes = 96};
    return true;
}

static bool neuron(void *ctx, const struct hotkey *key, uint16_t *uid)
{
    struct sample *s = ctx;
    for (uint16_t i = 0; i < SAMPLE_MINERS; i++)
        if (hotkey_equal(&s->miners[i], key)) {
            *uid = (uint16_t)(10 + i);
            return true;
        }
    return false;
}

static uint64_t next_nonce(void *ctx, const struct hotkey *signer)
{
    (void)ctx;
    return signer->bytes[0] + 1u;
}

static bool weights(void *ctx, uint64_t epoch, struct arena *scratch, struct weights *out)
{
    struct sample *s = ctx;
    (void)scratch;
    *out = (struct weights){epoch, s->weights, SAMPLE_MINERS};
    return epoch == s->set.epoch - 1;
}

static bool submitted(void *ctx, uint64_t epoch, struct rpc_submitted *out)
{
    *out = (struct rpc_submitted){.outcome = "confirmed", .block = 2519};
    return epoch == ((struct sample *)ctx)->set.epoch - 1;
}

static bool commit_at(void *ctx, uint32_t index, struct rpc_commit *out)
{
    (void)ctx;
    *out = (struct rpc_commit){.epoch = 41,
                               .phase = "committed",
                               .is_taken = true,
                               .commit_epoch = 61,
                               .reveal_epoch = 62};
    return index == 0;
}

static bool fate(void *ctx, const struct hash *op, enum reject *reject, uint64_t *seq)
{
    struct sample *s = ctx;
    uint32_t i = find(s, op);
    *reject = i == 2 ? REJECT_DUPLICATE : REJECT_NONE;
    *seq = 4 + i;
    return i < SAMPLE_SUBMISSIONS - 1 && !s->forgets;
}

static bool pending(void *ctx, const struct hash *op)
{
    struct sample *s = ctx;
    return (find(s, op) == SAMPLE_SUBMISSIONS - 1 && !s->forgets) || hash_equal(op, &s->submitted);
}

static bool decided(void *ctx, uint64_t seq, struct arena *scratch, struct bft_decided *out)
{
    struct sample *s = ctx;
    struct op_bytes op = {s->ops[seq % SAMPLE_SUBMISSIONS]};
    struct batch batch = {&op, 1};
    if (seq == 0 || seq > s->height)
        return false;
    *out = (struct bft_decided){.seq = seq};
    out->cert.statement = (struct bft_statement){.type = BFT_TYPE_COMMIT,
                                                 .epoch = s->set.epoch,
                                                 .view = 3,
                                                 .seq = seq,
                                                 .digest = named("slot", seq)};
    out->cert.bitmap[0] = seq % 5 == 0 ? 7 : 15;
    struct room room = {arena_alloc(scratch, 2048), 2048};
    if (seq % 3 != 0)
        out->payload = batch_encode(&batch, room);
    return true;
}

static enum err submit(void *ctx, struct span op, enum reject *why)
{
    struct sample *s = ctx;
    struct arena scratch = {0};
    struct op x;
    if (s->full)
        return ERR_FULL;
    enum err e = arena_open(&scratch, 1 << 20);
    if (e == ERR_OK)
        e = op_decode(op, &scratch, &x);
    arena_close(&scratch);
    if (e != ERR_OK) {
        *why = REJECT_MALFORMED;
        return ERR_DENIED;
    }
    struct hash id = hash_tagged("PLTFOPID", op);
    if (s->replayed)
        *why = REJECT_REPLAYED;
    if (s->replayed || hash_equal(&id, &s->submitted))
        return ERR_CONFLICT;
    s->submitted = id;
    return ERR_OK;
}

static enum err blob_put(void *ctx, struct span bytes, struct hash *name)
{
    struct sample *s = ctx;
    if (s->blob_count == SAMPLE_BLOBS_MAX)
        return ERR_FULL;
    s->blobs[s->blob_count++] = arena_copy(&s->memory, bytes);
    *name = hash_blake2b(bytes);
    return ERR_OK;
}

static enum err blob_get(void *ctx, const struct hash *name, struct span *bytes)
{
    struct sample *s = ctx;
    for (uint32_t i = 0; i < s->blob_count; i++) {
        struct hash h = hash_blake2b(s->blobs[i]);
        if (hash_equal(&h, name)) {
            *bytes = s->blobs[i];
            return ERR_OK;
        }
    }
    return ERR_NOT_FOUND;
}

static bool log_node(void *ctx, uint32_t level, uint64_t index, struct hash *out)
{
    struct sample *s = ctx;
    if (level >= 13 || index >= s->tree.size >> level)
        return false;
    *out = s->nodes[level][index];
    return true;
}

static bool log_entry(void *ctx, uint64_t index, struct arena *scratch, struct span *entry)
{
    struct sample *s = ctx;
    (void)scratch;
    if (index < s->tree.size)
        *entry = s->entries[index];
    return index < s->tree.size;
}

static bool final_at(void *ctx, const struct hash *id, uint64_t *index)
{
    struct sample *s = ctx;
    uint32_t i = find(s, id);
    if (i == SAMPLE_SUBMISSIONS || s->final_at[i] == UINT64_MAX)
        return false;
    *index = s->final_at[i];
    return true;
}

static bool op_at(void *ctx, const struct hash *id, uint64_t *index)
{
    struct sample *s = ctx;
    uint32_t i = find(s, id);
    if (i == SAMPLE_SUBMISSIONS || s->op_at[i] == 0)
        return false;
    *index = s->op_at[i];
    return true;
}

static bool checkpoint(void *ctx, struct arena *scratch, struct bft_checkpoint *out)
{
    struct sample *s = ctx;
    (void)scratch;
    *out = (struct bft_checkpoint){.aux = {.state_root = named("state", s->certified_height),
                                           .log_size = s->certified.size,
                                           .log_root = audit_tree_root(&s->certified)}};
    out->cert.statement = (struct bft_statement){
        .type = BFT_TYPE_CHECKPOINT, .epoch = s->set.epoch, .seq = s->certified_height};
    out->cert.bitmap[0] = 15;
    return s->certified.size > 0;
}

/* Larger than an answer may be; a byte says where it is. */
static enum err bundle(void *ctx, const struct hash *id, uint64_t *height, struct arena *scratch,
                       struct span *out)
{
    enum { SIZE = 5 << 20 };
    uint64_t index;
    if (!final_at(ctx, id, &index) || (*height != 0 && *height != 8))
        return ERR_NOT_FOUND;
    if (index >= ((struct sample *)ctx)->certified.size)
        return ERR_TIMEOUT;
    uint8_t *bytes = arena_alloc(scratch, SIZE);
    if (bytes == NULL)
        return ERR_NO_MEMORY;
    for (uint32_t i = 0; i < SIZE; i++)
        bytes[i] = (uint8_t)(i >> 20);
    *height = 8;
    *out = span_of(bytes, SIZE);
    return ERR_OK;
}

void sample_step(struct sample *s)
{
    s->height++;
    append_op(s, (uint32_t)(s->height % SAMPLE_SUBMISSIONS));
    if (s->height % 8 == 0) {
        s->certified = s->tree;
        s->certified_height = s->height;
    }
}

void sample_open(struct sample *s)
{
    memset(s, 0, sizeof *s);
    if (arena_open(&s->memory, 24 << 20) != ERR_OK)
        abort();
    s->view = (struct rpc_view){
        s,       status,       unready,   genesis,   valset,        member,     peer,
        metric,  challenge_at, challenge, leader_at, submission_at, submission, evaluation,
        neuron,  next_nonce,   weights,   submitted, commit_at,     fate,       pending,
        decided, submit,       blob_put,  blob_get,  log_node,      log_entry,  final_at,
        op_at,   checkpoint,   bundle};
    make_set(s);
    for (uint32_t i = 0; i < SAMPLE_MINERS; i++) {
        s->miners[i] = key_of("miner", i);
        s->weights[i] = (struct weight){(uint16_t)(10 + i), (uint16_t)(21845 >> i)};
    }
    make_challenges(s);
    make_submissions(s);
    append(s,
           &(struct audit_body){.tag = AUDIT_BODY_GENESIS, .genesis = {named("net", 0), s->set}});
    for (uint32_t i = 0; i < SAMPLE_SUBMISSIONS - NOT_FINAL; i++) {
        sample_step(s);
        append_final(s, i);
    }
    while (s->height < 24)
        sample_step(s);
}

void sample_close(struct sample *s)
{
    arena_close(&s->memory);
}
