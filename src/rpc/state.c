#include "rpc/internal.h"

static const struct rpc_view *view(const struct rpc *r)
{
    return r->config.view;
}

static void write_policy(struct emit *j, const struct policy *p)
{
    emit_object(j, "policy");
    emit_number(j, "gas", p->gas);
    emit_number(j, "wall_ms", p->wall_ms);
    emit_number(j, "memory_bytes", (uint64_t)p->memory_pages << 16);
    emit_number(j, "table_elements", p->table_elements);
    emit_number(j, "stack_bytes", p->stack_bytes);
    emit_number(j, "host_calls", p->host_calls);
    emit_number(j, "host_bytes", p->host_bytes);
    emit_number(j, "input_bytes", p->input_bytes);
    emit_number(j, "output_bytes", p->output_bytes);
    emit_number(j, "log_bytes", p->log_bytes);
    emit_number(j, "host_functions", p->host_functions);
    emit_text(j, "join", policy_join_name(p->join));
    emit_end(j);
}

static void write_challenge(struct emit *j, const char *key, const struct state_challenge *c)
{
    emit_object(j, key);
    emit_hash(j, "id", &c->id);
    emit_span(j, "name", c->body.name);
    emit_span(j, "version", c->body.version);
    emit_text(j, "phase", challenge_phase_name(c->phase));
    emit_hotkey(j, "owner", &c->owner);
    emit_number(j, "share", c->body.share);
    emit_number(j, "active_from", c->height);
    emit_number(j, "approvals", c->approvals_count);
    emit_hash(j, "module", &c->body.module);
    emit_number(j, "module_size", c->body.module_size);
    write_policy(j, &c->body.policy);
    emit_end(j);
}

static struct failure challenge_list(struct rpc *r, const struct arg *args, struct emit *j)
{
    uint64_t first = args[0].given ? args[0].number : 0;
    struct hash id;
    struct state_challenge c;
    emit_list(j, "result");
    for (uint64_t i = first; i < first + RPC_LIST_MAX && i <= UINT32_MAX; i++) {
        size_t mark = arena_mark(&r->scratch);
        if (!view(r)->challenge_at(view(r)->ctx, (uint32_t)i, &id))
            break;
        if (view(r)->challenge(view(r)->ctx, &id, &r->scratch, &c))
            write_challenge(j, NULL, &c);
        arena_reset(&r->scratch, mark);
    }
    emit_end(j);
    return SUCCEEDED;
}

static struct failure challenge_get(struct rpc *r, const struct arg *args, struct emit *j)
{
    struct state_challenge c;
    if (!view(r)->challenge(view(r)->ctx, &args[0].hash, &r->scratch, &c))
        return failed(RPC_NOT_FOUND, "no such challenge");
    write_challenge(j, "result", &c);
    return SUCCEEDED;
}

static struct failure leaderboard_get(struct rpc *r, const struct arg *args, struct emit *j)
{
    uint64_t first = args[1].given ? args[1].number : 0;
    struct state_leader l;
    struct state_challenge c;
    uint16_t uid;
    if (!view(r)->challenge(view(r)->ctx, &args[0].hash, &r->scratch, &c))
        return failed(RPC_NOT_FOUND, "no such challenge");
    emit_list(j, "result");
    for (uint64_t i = first; i < first + RPC_LIST_MAX && i <= UINT32_MAX; i++) {
        if (!view(r)->leader_at(view(r)->ctx, &args[0].hash, (uint32_t)i, &l))
            break;
        emit_object(j, NULL);
        emit_number(j, "rank", i + 1);
        emit_hotkey(j, "miner", &l.miner);
        if (view(r)->neuron(view(r)->ctx, &l.miner, &uid))
            emit_number(j, "uid", uid);
        else
            emit_null(j, "uid");
        emit_number(j, "score", l.score);
        emit_hash(j, "submission", &l.submission);
        emit_hash(j, "blob", &l.blob);
        emit_end(j);
    }
    emit_end(j);
    return SUCCEEDED;
}

static void write_attestation(struct emit *j, const char *key, const struct attestation *a)
{
    emit_object(j, key);
    emit_text(j, "outcome", outcome_name(a->outcome));
    emit_number(j, "score", a->score);
    emit_number(j, "gas", a->gas);
    emit_hash(j, "output", &a->output);
    emit_hash(j, "transcript", &a->transcript);
    emit_hash(j, "engine", &a->engine);
    emit_end(j);
}

static void write_attests(struct emit *j, const struct state_submission *s)
{
    emit_list(j, "attests");
    for (uint32_t i = 0; i < s->attests_count; i++) {
        const struct state_attest *a = &s->attests[i];
        emit_object(j, NULL);
        emit_hotkey(j, "validator", &a->validator);
        emit_hash(j, "commitment", &a->commitment);
        if (a->has_revealed)
            write_attestation(j, "revealed", &a->revealed);
        else
            emit_null(j, "revealed");
        emit_end(j);
    }
    emit_end(j);
}

static void write_evaluation(struct rpc *r, struct emit *j, const struct hash *id)
{
    struct rpc_evaluation e;
    if (!view(r)->evaluation(view(r)->ctx, id, &e)) {
        emit_null(j, "evaluation");
        return;
    }
    emit_object(j, "evaluation");
    emit_text(j, "phase", e.phase);
    emit_number(j, "failures", e.failures);
    emit_number(j, "gas", e.gas);
    emit_number(j, "memory", e.memory);
    emit_number(j, "host_calls", e.host_calls);
    emit_number(j, "host_bytes", e.host_bytes);
    emit_end(j);
}

static void write_facts(struct emit *j, const struct state_submission *s)
{
    emit_hash(j, "id", &s->id);
    emit_hash(j, "challenge", &s->challenge);
    emit_hotkey(j, "miner", &s->miner);
    emit_hash(j, "blob", &s->blob);
    emit_number(j, "size", s->size);
    emit_number(j, "height", s->slot);
    emit_number(j, "epoch", s->epoch);
    emit_text(j, "phase", submission_phase_name(s->phase));
}

static void write_submission(struct rpc *r, struct emit *j, const char *key,
                             const struct state_submission *s, bool full)
{
    uint32_t revealed = 0;
    uint64_t index;
    for (uint32_t i = 0; i < s->attests_count; i++)
        revealed += s->attests[i].has_revealed;
    emit_object(j, key);
    emit_bool(j, "archived", false);
    write_facts(j, s);
    emit_number(j, "committed", s->attests_count);
    emit_number(j, "revealed", revealed);
    if (s->has_result)
        write_attestation(j, "final", &s->result);
    else
        emit_null(j, "final");
    if (view(r)->final_at(view(r)->ctx, &s->id, &index))
        emit_number(j, "log_index", index);
    else
        emit_null(j, "log_index");
    write_evaluation(r, j, &s->id);
    if (full)
        write_attests(j, s);
    emit_end(j);
}

/* The same members as of one in the state, as far as they are known. */
static void write_archived(struct rpc *r, struct emit *j, const struct archived *a)
{
    const struct state_submission *s = &a->submission;
    uint64_t index;
    emit_object(j, "result");
    emit_bool(j, "archived", true);
    write_facts(j, s);
    if (s->has_result) {
        emit_number(j, "agreed", a->agreed);
        emit_number(j, "differed", a->differed);
        emit_object(j, "final");
        emit_text(j, "outcome", outcome_name(s->result.outcome));
        emit_number(j, "score", s->result.score);
        emit_number(j, "gas", s->result.gas);
        emit_hash(j, "output", &s->result.output);
        emit_end(j);
    } else {
        emit_null(j, "final");
    }
    if (view(r)->final_at(view(r)->ctx, &s->id, &index))
        emit_number(j, "log_index", index);
    else
        emit_null(j, "log_index");
    emit_null(j, "evaluation");
    emit_list(j, "attests");
    emit_end(j);
    emit_end(j);
}

static struct failure submission_list(struct rpc *r, const struct arg *args, struct emit *j)
{
    uint64_t first = args[0].given ? args[0].number : 0;
    struct hash id;
    struct state_submission s;
    emit_list(j, "result");
    for (uint64_t i = first; i < first + RPC_LIST_MAX && i <= UINT32_MAX; i++) {
        size_t mark = arena_mark(&r->scratch);
        if (!view(r)->submission_at(view(r)->ctx, (uint32_t)i, &id))
            break;
        if (view(r)->submission(view(r)->ctx, &id, &r->scratch, &s))
            write_submission(r, j, NULL, &s, false);
        arena_reset(&r->scratch, mark);
    }
    emit_end(j);
    return SUCCEEDED;
}

static struct failure submission_get(struct rpc *r, const struct arg *args, struct emit *j)
{
    struct state_submission s;
    struct archived a;
    if (view(r)->submission(view(r)->ctx, &args[0].hash, &r->scratch, &s))
        write_submission(r, j, "result", &s, true);
    else if (archive_submission(r, &args[0].hash, &a))
        write_archived(r, j, &a);
    else
        return failed(RPC_NOT_FOUND, "no such submission");
    return SUCCEEDED;
}

static struct failure epoch_current(struct rpc *r, const struct arg *args, struct emit *j)
{
    (void)args;
    struct rpc_status s;
    const struct valset *set = view(r)->valset(view(r)->ctx);
    view(r)->status(view(r)->ctx, &s);
    emit_object(j, "result");
    emit_number(j, "epoch", s.bft.epoch);
    emit_number(j, "height", s.bft.executed);
    emit_number(j, "set_chain_block", set->chain_block);
    emit_hash(j, "set_chain_hash", &set->chain_hash);
    emit_number(j, "chain_block", s.chain_block);
    emit_end(j);
    return SUCCEEDED;
}

/* The newest decided matrix: of this epoch, or of the one before. */
static bool newest_weights(struct rpc *r, struct weights *out)
{
    struct rpc_status s;
    view(r)->status(view(r)->ctx, &s);
    if (view(r)->weights(view(r)->ctx, s.bft.epoch, &r->scratch, out))
        return true;
    return s.bft.epoch > 0 && view(r)->weights(view(r)->ctx, s.bft.epoch - 1, &r->scratch, out);
}

static void emit_commits(struct rpc *r, struct emit *j)
{
    struct rpc_commit c;
    emit_list(j, "commits");
    for (uint32_t i = 0; view(r)->commit_at(view(r)->ctx, i, &c); i++) {
        emit_object(j, NULL);
        emit_number(j, "epoch", c.epoch);
        emit_text(j, "phase", c.phase);
        emit_hash(j, "hash", &c.hash);
        if (c.is_taken) {
            emit_number(j, "commit_epoch", c.commit_epoch);
            emit_number(j, "reveal_epoch", c.reveal_epoch);
        }
        emit_end(j);
    }
    emit_end(j);
}

static struct failure weights_get(struct rpc *r, const struct arg *args, struct emit *j)
{
    struct weights w;
    struct rpc_submitted sent;
    bool found = args[0].given ? view(r)->weights(view(r)->ctx, args[0].number, &r->scratch, &w)
                               : newest_weights(r, &w);
    if (!found)
        return failed(RPC_NOT_FOUND, "no decided weights of this epoch");
    emit_object(j, "result");
    emit_number(j, "epoch", w.epoch);
    emit_list(j, "weights");
    for (uint32_t i = 0; i < w.entries_count; i++) {
        emit_object(j, NULL);
        emit_number(j, "uid", w.entries[i].uid);
        emit_number(j, "value", w.entries[i].value);
        emit_end(j);
    }
    emit_end(j);
    if (view(r)->submitted(view(r)->ctx, w.epoch, &sent)) {
        emit_object(j, "chain");
        emit_text(j, "outcome", sent.outcome);
        emit_number(j, "block", sent.block);
        emit_bool(j, "commit_reveal", sent.commit_reveal);
        emit_number(j, "chain_epoch", sent.chain_epoch);
        emit_number(j, "allowed_at", sent.allowed_at);
        emit_end(j);
    } else {
        emit_null(j, "chain");
    }
    emit_commits(r, j);
    emit_end(j);
    return SUCCEEDED;
}

/* One challenge's part in a miner's weight: its best final submission. */
static void explain_challenge(struct rpc *r, struct emit *j, const struct state_challenge *c,
                              const struct hotkey *miner)
{
    struct state_leader l;
    uint64_t index;
    for (uint32_t rank = 0; view(r)->leader_at(view(r)->ctx, &c->id, rank, &l); rank++) {
        if (!hotkey_equal(&l.miner, miner))
            continue;
        emit_object(j, NULL);
        emit_hash(j, "challenge", &c->id);
        emit_span(j, "name", c->body.name);
        emit_number(j, "share", c->body.share);
        emit_number(j, "rank", rank + 1);
        emit_number(j, "score", l.score);
        emit_hash(j, "submission", &l.submission);
        emit_hash(j, "blob", &l.blob);
        if (view(r)->final_at(view(r)->ctx, &l.submission, &index))
            emit_number(j, "log_index", index);
        else
            emit_null(j, "log_index");
        emit_end(j);
        return;
    }
}

static void explain_weight(struct rpc *r, struct emit *j, uint16_t uid)
{
    struct weights w;
    uint64_t value = 0, total = 0;
    if (!newest_weights(r, &w)) {
        emit_null(j, "weight");
        return;
    }
    for (uint32_t i = 0; i < w.entries_count; i++) {
        total += w.entries[i].value;
        value += w.entries[i].uid == uid ? w.entries[i].value : 0;
    }
    emit_object(j, "weight");
    emit_number(j, "epoch", w.epoch);
    emit_number(j, "value", value);
    emit_number(j, "total", total);
    emit_end(j);
}

static struct failure score_explain(struct rpc *r, const struct arg *args, struct emit *j)
{
    uint16_t uid;
    struct hash id;
    struct state_challenge c;
    if (!view(r)->neuron(view(r)->ctx, &args[0].hotkey, &uid))
        return failed(RPC_NOT_FOUND, "the hotkey is not registered on the subnet");
    emit_object(j, "result");
    emit_hotkey(j, "hotkey", &args[0].hotkey);
    emit_number(j, "uid", uid);
    explain_weight(r, j, uid);
    emit_list(j, "challenges");
    for (uint32_t i = 0; i < RPC_LIST_MAX; i++) {
        size_t mark = arena_mark(&r->scratch);
        if (!view(r)->challenge_at(view(r)->ctx, i, &id))
            break;
        if (view(r)->challenge(view(r)->ctx, &id, &r->scratch, &c))
            explain_challenge(r, j, &c, &args[0].hotkey);
        arena_reset(&r->scratch, mark);
    }
    emit_end(j);
    emit_end(j);
    return SUCCEEDED;
}

static const struct method methods[] = {
    {"challenge_list",
     "challenges, 256 from the first-th on",
     challenge_list,
     {{"first", PARAM_NUMBER, true}}},
    {"challenge_get", "one challenge", challenge_get, {{"id", PARAM_HASH, false}}},
    {"leaderboard_get",
     "miners of a challenge, best first",
     leaderboard_get,
     {{"challenge", PARAM_HASH, false}, {"first", PARAM_NUMBER, true}}},
    {"submission_list",
     "submissions, 256 from the first-th on",
     submission_list,
     {{"first", PARAM_NUMBER, true}}},
    {"submission_get",
     "one submission and who attested what",
     submission_get,
     {{"id", PARAM_HASH, false}}},
    {"epoch_current", "the epoch and where its set was read", epoch_current, {{0}}},
    {"weights_get",
     "the decided matrix of an epoch, or the newest",
     weights_get,
     {{"epoch", PARAM_NUMBER, true}}},
    {"score_explain",
     "from a miner's weight to the submissions behind it",
     score_explain,
     {{"hotkey", PARAM_HOTKEY, false}}},
};

const struct method_table rpc_state_methods = {methods, COUNT_OF(methods)};
