/* files: the dashboard, embedded at build time from web/ by tools/embed.py.
 *
 * Layer: L3, a part of rpc. */
#ifndef RPC_FILES_H
#define RPC_FILES_H

#include "base/base.h"

struct rpc_file {
    const char *path; /* "/", "/app.js" */
    const char *type;
    const char *etag;
    struct span bytes;
};

extern const struct rpc_file rpc_files[];
extern const uint32_t rpc_files_count;

#endif
