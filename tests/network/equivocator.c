/* equivocator: a validator that votes twice, for tests/network.  platformd with
 * another world: before each PREPARE goes one for a digest that nobody proposed,
 * signed with the same hotkey (before: the honest one may end the matter).  Its signer is the real
 * one, and would refuse: so the key is read here a second time. */
#include <stdlib.h>

#include "bft_msg.h"
#include "cmd/daemon.h"
#include "crypto/sr25519.h"
#include "net_msg.h"
#include "os/files.h"
#include "signer/keyfile.h"

struct liar {
    struct daemon *daemon;
    struct world honest;
    struct sr25519_keypair *key;
};

/* The linker gives ours to whoever asks for daemon_world. */
void __real_daemon_world(struct daemon *d, struct world *w);
void __wrap_daemon_world(struct daemon *d, struct world *w);

static void contradict(struct liar *l, const struct peer_id *to, const struct bft_vote *vote)
{
    static const uint8_t entropy[SR25519_ENTROPY_SIZE] = {1};
    struct bft_message m = {.tag = BFT_MESSAGE_VOTE, .vote = *vote};
    uint8_t statement[BFT_STATEMENT_SIZE], inner[1024], outer[1088];
    struct hash set = bft_valset_hash(ledger_valset(node_ledger(l->daemon->node)));
    m.vote.statement.digest.bytes[0] ^= 1;
    bft_statement_bytes(&m.vote.statement, &l->daemon->network, &set, statement);
    sr25519_sign(l->key, span_of(statement, sizeof statement), entropy, &m.vote.signature);
    struct net_frame f = {.tag = NET_FRAME_BFT,
                          .bft = {bft_message_encode(&m, (struct room){inner, sizeof inner})}};
    l->honest.send(l->honest.net, to, P2P_BFT,
                   net_frame_encode(&f, (struct room){outer, sizeof outer}));
}

static bool liar_send(void *net, const struct peer_id *to, enum p2p_protocol protocol,
                      struct span frame)
{
    struct liar *l = net;
    struct arena arena = {0};
    struct net_frame f;
    struct bft_message m;
    enum err e = arena_open(&arena, 4 << 20);
    assert(e == ERR_OK);
    if (protocol == P2P_BFT && net_frame_decode(frame, &arena, &f) == ERR_OK &&
        f.tag == NET_FRAME_BFT && bft_message_decode(f.bft.message, &arena, &m) == ERR_OK &&
        m.tag == BFT_MESSAGE_VOTE && m.vote.statement.type == BFT_TYPE_PREPARE)
        contradict(l, to, &m.vote);
    arena_close(&arena);
    return l->honest.send(l->honest.net, to, protocol, frame);
}

static void liar_publish(void *net, struct span data)
{
    struct liar *l = net;
    l->honest.publish(l->honest.net, data);
}

static void liar_validate(void *net, uint64_t message, enum p2p_verdict verdict)
{
    struct liar *l = net;
    l->honest.validate(l->honest.net, message, verdict);
}

static void liar_disconnect(void *net, const struct peer_id *peer, const char *why)
{
    struct liar *l = net;
    l->honest.disconnect(l->honest.net, peer, why);
}

static struct sr25519_keypair *read_key(const char *path)
{
    struct span bytes;
    struct sr25519_keypair *key;
    enum err e = file_read(path, KEYFILE_SIZE_MAX, &bytes);
    assert(e == ERR_OK);
    e = keyfile_parse(bytes, (struct span){0}, &key);
    assert(e == ERR_OK);
    free((void *)(uintptr_t)bytes.ptr);
    return key;
}

void __wrap_daemon_world(struct daemon *d, struct world *w)
{
    struct liar *l = calloc(1, sizeof *l);
    assert(l != NULL);
    __real_daemon_world(d, w);
    *l = (struct liar){d, *w, read_key(settings_text(&d->settings, "hotkey_file"))};
    w->net = l;
    w->send = liar_send;
    w->publish = liar_publish;
    w->validate = liar_validate;
    w->disconnect = liar_disconnect;
}
