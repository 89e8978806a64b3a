/* client: what the parts of the chain client share.  Inside the folder.
 *
 *   chain.c      dialling, greeting, heads, the queue of outputs
 *   request.c    the calls under way and their texts
 *   metagraph.c  reading a subnet
 *   own.c        and the rows of our own hotkey, which end a reading
 *   submit.c     submissions, until the signature is there
 *   confirm.c    and what became of them
 */
#ifndef CHAIN_CLIENT_H
#define CHAIN_CLIENT_H

#include <jansson.h>

#include "base/prng.h"
#include "chain/chain.h"
#include "chain/storage.h"

/* What stands for a long run of digits in the text that is parsed; no digits itself. */
#define CLIENT_LIFTED "lifted"

enum {
    REQUESTS_MAX = 16,
    OUTS_MAX = 16,
    CLIENT_METADATA_MAX = 1 << 20,  /* its bytes */
    CLIENT_METADATA_ROOM = 3 << 19, /* and its tables */
    CLIENT_SCRATCH_SIZE = 2 << 20,
    LIFTED_MIN = 16 << 10,      /* digits */
    CLIENT_CALL_MAX = 40 << 10, /* a reveal of CALL_WEIGHTS_MAX fits */
    CLIENT_TEXT_MAX = 2 * CLIENT_CALL_MAX + 4096,
    CHECK_KEYS_MAX = 2,
    OWN_ROW_MAX = 4 + 4 * CALL_WEIGHTS_MAX,
    CLIENT_ERA_MAX = 4096, /* up to here the birth block is the head itself */
};

enum request_kind {
    REQ_FREE,
    REQ_GENESIS,
    REQ_VERSION,
    REQ_METADATA,
    REQ_HEADS,    /* subscribe */
    REQ_VERSIONS, /* subscribe; an endpoint may not have it */
    REQ_HEAD_HASH,
    REQ_READ_HASH,
    REQ_READ_METAGRAPH,
    REQ_READ_EPOCH,
    REQ_READ_NEXT,
    REQ_READ_OWN,
    REQ_READ_WEIGHTS,
    REQ_PREPARE, /* nonce and uid at the best block */
    REQ_SUBMIT,
    REQ_CHECK, /* nonce and rows at a finalized block */
    REQ_WALK_HASH,
    REQ_WALK_BLOCK,
    REQ_WALK_EVENTS,
};

struct request {
    enum request_kind kind;
    bool sent;
    uint32_t id;
    uint64_t deadline_ms;
    uint64_t number; /* of a block, where the kind asks by number */
    struct hash at;  /* a block, where it asks by hash */
};

enum phase { PHASE_WAITING, PHASE_DIALING, PHASE_GREETING, PHASE_READY };

enum read_state {
    READ_IDLE,
    READ_HASH,
    READ_METAGRAPH,
    READ_EPOCH,
    READ_NEXT,
    READ_OWN,
    READ_WEIGHTS
};

struct reading {
    enum read_state state;
    bool has_graph; /* read over this connection */
    uint64_t token;
    struct chain_metagraph graph;
    struct chain_neuron *neurons; /* CHAIN_NEURONS_MAX */
    uint16_t uid;                 /* READ_OWN: ours; READ_WEIGHTS: whose */
    struct chain_commit commits[CHAIN_COMMITS_MAX];
    uint8_t row[OWN_ROW_MAX];
};

enum submit_state {
    SUBMIT_FREE,
    SUBMIT_QUEUED,    /* needs a nonce */
    SUBMIT_PREPARING, /* asked for it */
    SUBMIT_SIGNING,   /* the signer has it */
    SUBMIT_SIGNED,    /* to be sent */
    SUBMIT_SENDING,   /* sent, not answered */
    SUBMIT_WATCHING,  /* in the pool, as far as we know */
    SUBMIT_CHECKING,  /* asked a finalized block */
    SUBMIT_WALKING,   /* looks for it in the blocks, to name its failure */
    SUBMIT_RESTING,   /* tries again after the next finalized head */
};

struct submit {
    enum submit_state state;
    uint64_t token;
    uint64_t order; /* the oldest is the active one */
    enum chain_action_kind kind;
    uint16_t netuid;
    uint8_t mechanism;
    struct room kept_room; /* weights and salt, as they were given */
    size_t kept_size;
    struct hash commit;
    uint8_t commitment[CALL_COMMITMENT_MAX];
    size_t commitment_size;
    struct call_axon axon;
    /* One try. */
    uint32_t tries;
    bool refetch; /* the runtime's version, before the next try */
    uint16_t uid;
    uint64_t nonce;
    uint64_t death; /* the first block that cannot have it */
    uint8_t extra[EXTRA_SIZE_MAX], implicit[IMPLICIT_SIZE_MAX], message[SIGNED_PLAIN_MAX];
    size_t extra_size, implicit_size, message_size;
    struct signature signature;
    struct hash hash; /* of the extrinsic */
    /* Confirming. */
    uint64_t absent_at; /* the latest finalized block without it */
    uint64_t seen_at;   /* a finalized block at which the nonce has moved on */
    uint64_t walk_at;
    uint32_t walk_index;
};

struct chain {
    struct chain_config config;
    struct prng prng;
    struct chain_counters counters;
    struct trace trace;
    struct arena scratch;
    struct span lifted; /* digits of the frame at hand, CLIENT_LIFTED in its text */
    struct arena metadata_arena;
    struct metadata metadata;
    bool has_metadata;
    uint32_t metadata_spec; /* the version it belongs to */
    struct room text;
    struct room call_room; /* the active submission's call */
    size_t call_size;

    enum phase phase;
    uint32_t endpoint;
    uint32_t failures;
    uint64_t sound_at_ms; /* a connection that lasts so long was none that failed */
    uint32_t strays;
    uint32_t told[CHAIN_ENDPOINTS_MAX]; /* bit why: in the trace since one was ready */
    uint64_t dial_at_ms;                /* PHASE_WAITING: when; PHASE_DIALING: until when */
    uint64_t head_due_ms;               /* PHASE_READY: CH-5 */
    bool has_genesis;
    struct hash genesis;
    uint32_t spec_version, tx_version;
    bool has_head;
    uint64_t head;
    struct hash head_hash;
    uint64_t head_wanted; /* announced, its hash not yet known */
    bool head_stands;     /* head and its hash are what we hold to, CH-7 */
    bool lags;            /* this connection announces heads below it */
    uint32_t lagged;      /* connections in a row that did and fell silent */

    uint32_t last_id;
    struct request requests[REQUESTS_MAX];
    uint32_t out_count, out_first;
    struct chain_out outs[OUTS_MAX];
    struct reading reading;
    uint64_t last_order;
    struct submit submits[CHAIN_SUBMITS_MAX];
};

/* chain.c */
/* Ends the connection; the line about it, to which more may be added, or NULL. */
struct trace_event *client_fail(struct chain *c, enum chain_why why, uint64_t now_ms);
struct chain_out *client_out(struct chain *c, enum chain_out_kind kind);

/* request.c */
struct request *request_start(struct chain *c, enum request_kind kind, uint64_t now_ms);
bool request_pending(const struct chain *c, enum request_kind kind);
void request_clear(struct chain *c);
struct span request_text(struct chain *c, const struct request *r);

/* Values of replies: false, or an empty span, when they are not of that shape. */
bool value_hash(const json_t *value, struct hash *out);
bool value_number(const json_t *value, uint64_t *out); /* hex text of a header */
struct span value_bytes(struct chain *c, const json_t *value);

/* value_row: the value of key in a queryStorageAt result, in the scratch arena;
 * *found says whether there was one.  False: not of that shape. */
bool value_row(struct chain *c, const json_t *result, const struct storage_key *key, bool *found,
               struct span *value);

void metagraph_on_reply(struct chain *c, const struct request *r, const json_t *result,
                        uint64_t now_ms);
void metagraph_end(struct chain *c, bool good);
void metagraph_put_arguments(uint16_t netuid, struct wr *w);

/* submit.c */
void submit_advance(struct chain *c, uint64_t now_ms); /* whatever can be done now */
void submit_on_head(struct chain *c, uint64_t now_ms);
void submit_on_down(struct chain *c);
void submit_head_forgotten(struct chain *c);
void submit_on_reply(struct chain *c, const struct request *r, const json_t *result,
                     const json_t *error, uint64_t now_ms);
uint32_t submit_keys(struct chain *c, enum request_kind kind,
                     struct storage_key keys[CHECK_KEYS_MAX]);
struct submit *submit_active(struct chain *c);

/* own.c */
enum { OWN_KEYS = 2 };
void own_keys(struct chain *c, struct storage_key keys[OWN_KEYS]);
/* own_begin: goes on with our own rows at r->at, or ends the reading. */
void own_begin(struct chain *c, const struct request *r, uint64_t now_ms);
void own_on_rows(struct chain *c, const json_t *result);
void own_on_weights(struct chain *c, const json_t *result);

#endif
