/* ask: one HTTP request to a node's RPC, for tools; waits for the answer.
 *
 * Layer: L4.  Threads: the caller's.  libcurl does the work. */
#ifndef OS_ASK_H
#define OS_ASK_H

#include "base/base.h"

enum { ASK_ANSWER_MAX = 8 << 20 };

/* ask_post sends JSON to url and gives the body, NUL behind it, in malloc'd
 * memory (free it).  ERR_CLOSED: nobody listens; ERR_TIMEOUT; ERR_TOO_BIG;
 * ERR_IO.  An answer with another status than 200 is ERR_DENIED. */
enum err ask_post(const char *url, const char *json, uint32_t timeout_ms, struct span *body);

#endif
