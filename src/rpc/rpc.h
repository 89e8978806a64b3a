/* rpc: what a client sees of a node: JSON-RPC 2.0, health, metrics, an event
 * stream and the dashboard's files.
 *
 * Layer: L3, pure: a request in, an answer out; os/http carries both.  Threads:
 * one.  Memory: from the arena at rpc_init; jansson's for a request goes back
 * before rpc_handle returns.
 *
 *   RPC-1  Only a request whose Host is on the list is answered (a page from
 *          elsewhere must not reach a node on loopback by its own name), and a
 *          POST must say application/json, which such a page cannot do unasked.
 *   RPC-2  Everything is bounded: body, batch, depth, answer, events.
 *   RPC-3  Codes and names of methods and errors are stable; texts are not.
 *   RPC-4  Nothing that a client sends changes anything but by an operation
 *          signed by a hotkey, or as a blob within its limit.
 *
 * Numbers that may exceed 2^53 (rao) are decimal strings, hashes and bytes are
 * hexadecimal, hotkeys SS58. */
#ifndef RPC_RPC_H
#define RPC_RPC_H

#include "base/trace.h"
#include "rpc/view.h"

enum {
    RPC_BODY_MAX = 160 << 10, /* the largest operation in hexadecimal, and what is around it */
    RPC_BATCH_MAX = 32,
    RPC_DEPTH_MAX = 8,
    RPC_ANSWER_MAX = 4 << 20,
    RPC_LIST_MAX = 256,    /* elements of a list in one answer; "after" asks on */
    RPC_EVENTS_MAX = 1024, /* kept for Last-Event-ID */
    RPC_EVENT_SIZE_MAX = 1024,
    RPC_HOSTS_MAX = 16,
    RPC_HOST_SIZE_MAX = 128,
};

/* Error codes beside those of JSON-RPC itself. */
enum rpc_code {
    RPC_OK = 0,
    RPC_PARSE = -32700,
    RPC_REQUEST = -32600,
    RPC_METHOD = -32601,
    RPC_PARAMS = -32602,
    RPC_INTERNAL = -32603,
    RPC_NOT_FOUND = -32001,
    RPC_NOT_YET = -32002,  /* it will be there: retry later */
    RPC_REJECTED = -32003, /* data.reject: the ledger's code */
    RPC_TOO_BIG = -32004,
    RPC_BUSY = -32005, /* a bounded queue is full: retry later */
    RPC_CONFLICT = -32006,
};

struct rpc_config {
    const struct rpc_view *view; /* kept */
    uint32_t blob_bytes_max;
    uint32_t host_count; /* beside 127.0.0.1, [::1] and localhost with any port */
    const char *hosts[RPC_HOSTS_MAX];
};

struct rpc;

size_t rpc_arena_size(const struct rpc_config *c);
enum err rpc_init(struct rpc **out, struct arena *arena, const struct rpc_config *c);

/* rpc_call: a JSON-RPC request or batch; the answer is borrowed until the next
 * call, and empty when there is nothing to answer (notifications). */
struct span rpc_call(struct rpc *r, struct span body);

/* rpc_event: an event for the stream, from a trace; time_ms is for people. */
void rpc_event(struct rpc *r, const struct trace_event *e, uint64_t time_ms);

/* rpc_next_event: the first event after *cursor as text of the stream, borrowed
 * until the next rpc_event; *cursor moves to it.  A reader that was too slow
 * gets "event: gap" first and goes on with the oldest.  false: nothing new. */
bool rpc_next_event(struct rpc *r, uint64_t *cursor, struct span *text);

enum rpc_verb { RPC_GET, RPC_HEAD, RPC_POST, RPC_OTHER_VERB };

/* Absent headers are empty spans. */
struct rpc_request {
    enum rpc_verb verb;
    struct span path; /* without the query */
    struct span host;
    struct span content_type;
    struct span last_event_id;
    struct span if_none_match;
    struct span body;
    bool too_big; /* the body is over RPC_BODY_MAX and was not kept */
};

struct rpc_answer {
    uint32_t status;
    const char *type;  /* NULL: no body */
    const char *allow; /* NULL, or the verbs of a 405 */
    const char *etag;  /* NULL: not to be kept by the client */
    struct span body;  /* borrowed until the next call */
    bool stream;       /* the event stream, from cursor on */
    uint64_t cursor;
};

void rpc_handle(struct rpc *r, const struct rpc_request *q, struct rpc_answer *a);

/* For the metrics: the server has ended a quiet connection to make room. */
void rpc_count_reaped(struct rpc *r);

/* Sent with every answer: name, value; NULL ends the list. */
extern const char *const rpc_headers[][2];

#endif
