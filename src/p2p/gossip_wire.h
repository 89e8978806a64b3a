/* gossip_wire: the bytes of a GossipSub RPC.
 *
 * Layer: L2, a part of p2p.  Pure.  The reader hands out one item at a time and
 * keeps nothing, so the same walk serves to check an RPC against its limits
 * and, a second time, to act on it.
 *
 *   RPC     { subscriptions 1 { subscribe 1, topic 2 }, publish 2, control 3 }
 *   Message { from 1, data 2, seqno 3, topic 4, signature 5, key 6 }
 *   Control { ihave 1 { topic 1, ids 2 }, iwant 2 { ids 1 }, graft 3 { topic 1 },
 *             prune 4 { topic 1, peers 2, backoff 3 } } */
#ifndef P2P_GOSSIP_WIRE_H
#define P2P_GOSSIP_WIRE_H

#include "codec/pb.h"
#include "p2p/gossip.h"

enum {
    GOSSIP_FROM_SIZE = 38, /* the peer id of an ed25519 key */
    GOSSIP_SEQNO_SIZE = 8,
    GOSSIP_ID_SIZE = GOSSIP_FROM_SIZE + GOSSIP_SEQNO_SIZE,
    GOSSIP_SIGN_PREFIX_SIZE = 14, /* before a message's fields when it is signed */
};

/* A message of ours or of a peer: the author as a raw key. */
struct gossip_id {
    uint8_t author[GOSSIP_PUBLIC_KEY_SIZE];
    uint8_t seqno[GOSSIP_SEQNO_SIZE];
};

struct gossip_message {
    struct span from, data, seqno, topic, signature, key;
    bool has_data, has_key;
};

enum gossip_item_kind {
    GOSSIP_ITEM_SUBSCRIBE,
    GOSSIP_ITEM_UNSUBSCRIBE,
    GOSSIP_ITEM_MESSAGE,
    GOSSIP_ITEM_IHAVE,
    GOSSIP_ITEM_IWANT,
    GOSSIP_ITEM_GRAFT,
    GOSSIP_ITEM_PRUNE,
};

struct gossip_item {
    enum gossip_item_kind kind;
    struct span topic;
    struct gossip_message message;
    struct rd ids; /* IHAVE, IWANT: read with gossip_wire_id */
    uint32_t ids_field;
    uint32_t id_count;
    uint32_t px_count;  /* PRUNE: peers offered */
    uint64_t backoff_s; /* PRUNE: 0 when absent */
};

struct gossip_reader {
    struct rd rpc;
    struct rd control;
};

struct gossip_reader gossip_wire_open(struct span rpc);

/* gossip_wire_next: the next item, or false at the end and on trouble; then
 * gossip_wire_end tells which. */
bool gossip_wire_next(struct gossip_reader *r, struct gossip_item *out);
enum err gossip_wire_end(const struct gossip_reader *r);

/* gossip_wire_id: the next id of an item whose entry was read. */
bool gossip_wire_id(struct gossip_item *item, struct span *id);

/* gossip_wire_scan walks the whole RPC.  ERR_MALFORMED: not an RPC.
 * ERR_TOO_BIG: over one of the GOSSIP_RPC_* limits. */
enum err gossip_wire_scan(struct span rpc);

/* The author's key inside from, or false: not an ed25519 peer id in its one
 * canonical form. */
bool gossip_wire_author(struct span from, uint8_t key[GOSSIP_PUBLIC_KEY_SIZE]);
void gossip_wire_from(const uint8_t key[GOSSIP_PUBLIC_KEY_SIZE], uint8_t from[GOSSIP_FROM_SIZE]);
bool gossip_wire_parse_id(struct span bytes, struct gossip_id *out);

/* What is signed: the prefix, then fields 1 to 4 in order, the empty and absent
 * data told apart.  Appending gossip_wire_put_signature gives, behind the
 * prefix, the message itself. */
void gossip_wire_put_signed(struct wr *w, const struct gossip_message *m);
void gossip_wire_put_signature(struct wr *w, struct span signature);

/* Entries of an outgoing RPC and of its control message, with their sizes. */
size_t gossip_wire_subscription_size(struct span topic);
void gossip_wire_put_subscription(struct wr *w, bool subscribe, struct span topic);
size_t gossip_wire_graft_size(struct span topic);
void gossip_wire_put_graft(struct wr *w, struct span topic);
size_t gossip_wire_prune_size(struct span topic, uint64_t backoff_s);
void gossip_wire_put_prune(struct wr *w, struct span topic, uint64_t backoff_s);
/* IHAVE and IWANT: the head; then gossip_wire_put_id_entry count times. */
enum { GOSSIP_ID_ENTRY_SIZE = GOSSIP_ID_SIZE + 2 };
size_t gossip_wire_ihave_size(struct span topic, uint32_t count);
void gossip_wire_put_ihave(struct wr *w, struct span topic, uint32_t count);
size_t gossip_wire_iwant_size(uint32_t count);
void gossip_wire_put_iwant(struct wr *w, uint32_t count);
void gossip_wire_put_ihave_id(struct wr *w, const struct gossip_id *id);
void gossip_wire_put_iwant_id(struct wr *w, const struct gossip_id *id);
size_t gossip_wire_publish_size(size_t message_size);
void gossip_wire_put_publish(struct wr *w, struct span message);
size_t gossip_wire_control_size(size_t control_size);
void gossip_wire_put_control(struct wr *w, struct span control);

#endif
