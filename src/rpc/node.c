#include "rpc/internal.h"

static const struct rpc_view *view(const struct rpc *r)
{
    return r->config.view;
}

bool rpc_write_health(struct rpc *r, struct emit *j)
{
    const char *name, *text;
    bool ready = !view(r)->unready(view(r)->ctx, 0, &name, &text);
    emit_bool(j, "ready", ready);
    emit_list(j, "reasons");
    for (uint32_t i = 0; i < RPC_LIST_MAX && view(r)->unready(view(r)->ctx, i, &name, &text); i++) {
        emit_object(j, NULL);
        emit_text(j, "name", name);
        emit_text(j, "text", text);
        emit_end(j);
    }
    emit_end(j);
    return ready;
}

static struct failure system_health(struct rpc *r, const struct arg *args, struct emit *j)
{
    (void)args;
    struct rpc_status s;
    view(r)->status(view(r)->ctx, &s);
    emit_object(j, "result");
    rpc_write_health(r, j);
    emit_number(j, "peers", s.peers);
    emit_bool(j, "quorum", s.bft.has_quorum);
    emit_end(j);
    return SUCCEEDED;
}

static struct failure system_version(struct rpc *r, const struct arg *args, struct emit *j)
{
    (void)args;
    struct rpc_status s;
    view(r)->status(view(r)->ctx, &s);
    emit_object(j, "result");
    emit_text(j, "version", s.version);
    emit_hash(j, "network", &s.network);
    emit_number(j, "netuid", s.netuid);
    emit_end(j);
    return SUCCEEDED;
}

static void write_peer_id(struct emit *j, const char *key, const struct peer_id *id)
{
    char text[P2P_ADDRESS_TEXT_MAX];
    peer_id_text(id, text);
    emit_text(j, key, text);
}

static void write_consensus(struct emit *j, const struct rpc_status *s)
{
    const struct bft_view_info *b = &s->bft;
    emit_number(j, "height", b->executed);
    emit_number(j, "stable", b->stable);
    emit_number(j, "view", b->view);
    emit_number(j, "epoch", b->epoch);
    emit_bool(j, "voting", b->voting);
    emit_bool(j, "changing_view", !b->normal);
    emit_bool(j, "quorum", b->has_quorum);
    emit_number(j, "heard", b->quorum_heard);
    emit_number(j, "views_changed", b->views_changed);
    emit_number(j, "evidence", b->evidence);
}

static struct failure node_status(struct rpc *r, const struct arg *args, struct emit *j)
{
    (void)args;
    struct rpc_status s;
    struct hotkey nobody = {0};
    view(r)->status(view(r)->ctx, &s);
    emit_object(j, "result");
    emit_text(j, "version", s.version);
    emit_hash(j, "network", &s.network);
    emit_number(j, "netuid", s.netuid);
    if (hotkey_equal(&s.self, &nobody))
        emit_null(j, "hotkey");
    else
        emit_hotkey(j, "hotkey", &s.self);
    write_peer_id(j, "peer", &s.peer);
    rpc_write_health(r, j);
    write_consensus(j, &s);
    emit_number(j, "uptime_ms", s.uptime_ms);
    emit_number(j, "peers", s.peers);
    emit_number(j, "pending", s.pending_ops);
    emit_number(j, "log_size", s.log_size);
    emit_hash(j, "log_root", &s.log_root);
    emit_object(j, "chain");
    emit_number(j, "block", s.chain_block);
    emit_hash(j, "hash", &s.chain_hash);
    emit_number(j, "age_ms", s.chain_age_ms);
    emit_end(j);
    emit_end(j);
    return SUCCEEDED;
}

static void write_member(struct rpc *r, struct emit *j, const struct rpc_status *s, uint32_t index,
                         const struct valset_member *m)
{
    struct rpc_member member = {.heard_ms = UINT64_MAX};
    bool known = view(r)->member(view(r)->ctx, index, &member);
    emit_object(j, NULL);
    emit_hotkey(j, "hotkey", &m->hotkey);
    emit_number(j, "uid", m->uid);
    emit_big(j, "stake", m->stake);
    emit_bool(j, "self", index == s->bft.self);
    emit_bool(j, "leader", index == s->bft.leader);
    emit_bool(j, "connected", (known && member.connected) || index == s->bft.self);
    if (known && member.connected)
        write_peer_id(j, "peer", &member.peer);
    if (known && member.heard_ms != UINT64_MAX)
        emit_number(j, "heard_ms", member.heard_ms);
    emit_end(j);
}

/* The quorum in the members' own unit, so that a page can draw the line. */
static void write_quorum(struct emit *j, const struct valset *set)
{
    uint64_t total = 0;
    for (uint32_t i = 0; i < set->members_count; i++)
        if (!add_ok(total, set->members[i].stake, &total))
            total = UINT64_MAX;
    uint64_t count = set->members_count;
    emit_big(j, "stake_total", total);
    emit_big(j, "stake_quorum", total / 3 * 2 + total % 3 * 2 / 3 + 1);
    emit_number(j, "count_quorum", count == 0 ? 0 : count - (count - 1) / 3);
}

static struct failure validator_list(struct rpc *r, const struct arg *args, struct emit *j)
{
    (void)args;
    struct rpc_status s;
    view(r)->status(view(r)->ctx, &s);
    const struct valset *set = view(r)->valset(view(r)->ctx);
    emit_object(j, "result");
    emit_number(j, "epoch", set->epoch);
    emit_number(j, "chain_block", set->chain_block);
    emit_hotkey(j, "owner", &set->owner);
    write_quorum(j, set);
    emit_list(j, "validators");
    for (uint32_t i = 0; i < set->members_count; i++)
        write_member(r, j, &s, i, &set->members[i]);
    emit_end(j);
    emit_end(j);
    return SUCCEEDED;
}

static struct failure peers_list(struct rpc *r, const struct arg *args, struct emit *j)
{
    (void)args;
    char text[P2P_ADDRESS_TEXT_MAX];
    struct rpc_peer p;
    emit_list(j, "result");
    for (uint32_t i = 0; i < RPC_LIST_MAX && view(r)->peer(view(r)->ctx, i, &p); i++) {
        emit_object(j, NULL);
        write_peer_id(j, "peer", &p.info.id);
        p2p_endpoint_text(&p.info.endpoint, text);
        emit_text(j, "address", text);
        if (p.bound)
            emit_hotkey(j, "hotkey", &p.hotkey);
        else
            emit_null(j, "hotkey");
        emit_bool(j, "inbound", p.info.inbound);
        emit_number(j, "ping_us", p.info.ping_us);
        emit_text(j, "agent", p.info.agent);
        emit_end(j);
    }
    emit_end(j);
    return SUCCEEDED;
}

static struct failure genesis_get(struct rpc *r, const struct arg *args, struct emit *j)
{
    (void)args;
    emit_hex(j, "result", view(r)->genesis(view(r)->ctx));
    return SUCCEEDED;
}

static const char *kind_name(enum param_kind kind)
{
    switch (kind) {
    case PARAM_NONE:
        break;
    case PARAM_HASH:
        return "hash";
    case PARAM_HOTKEY:
        return "hotkey";
    case PARAM_NUMBER:
        return "number";
    case PARAM_BYTES:
        return "bytes";
    }
    return NULL;
}

static struct failure list_methods(struct rpc *r, const struct arg *args, struct emit *j)
{
    (void)r;
    (void)args;
    const struct method *m;
    emit_list(j, "result");
    for (uint32_t i = 0; (m = rpc_method_at(i)) != NULL; i++) {
        emit_object(j, NULL);
        emit_text(j, "name", m->name);
        emit_text(j, "help", m->help);
        emit_list(j, "params");
        for (size_t p = 0; p < PARAMS_MAX && m->params[p].kind != PARAM_NONE; p++) {
            emit_object(j, NULL);
            emit_text(j, "name", m->params[p].name);
            emit_text(j, "kind", kind_name(m->params[p].kind));
            emit_bool(j, "optional", m->params[p].optional);
            emit_end(j);
        }
        emit_end(j);
        emit_end(j);
    }
    emit_end(j);
    return SUCCEEDED;
}

static const struct method methods[] = {
    {.name = "system_health", .help = "ready or not, and why", .run = system_health},
    {.name = "system_version", .help = "program and network", .run = system_version},
    {.name = "node_status", .help = "where this node stands", .run = node_status},
    {.name = "validator_list", .help = "the set of the epoch", .run = validator_list},
    {.name = "peers_list", .help = "connected peers", .run = peers_list},
    {.name = "genesis_get", .help = "the network's genesis, encoded", .run = genesis_get},
    {.name = "rpc_methods", .help = "this list", .run = list_methods},
};

const struct method_table rpc_node_methods = {methods, COUNT_OF(methods)};
