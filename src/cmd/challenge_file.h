/* challenge_file: a challenge as its author keeps it: a folder with
 * challenge.ini, sources, the built NAME.wasm and the files of its storage.
 *
 * Layer: L6.  Every mistake in the file is reported (complain.h), not only the
 * first, each with where it stands, why it is wrong and what would be right. */
#ifndef CMD_CHALLENGE_FILE_H
#define CMD_CHALLENGE_FILE_H

#include "base/arena.h"
#include "ledger_msg.h"

enum { CHALLENGE_SOURCES_MAX = 16, CHALLENGE_PATH_MAX = 4096 };

struct challenge_file {
    const char *folder; /* as given; kept */
    char name[65];
    char version[33];
    char sources[CHALLENGE_SOURCES_MAX][128]; /* in the folder */
    uint32_t source_count;
    struct span params;
    struct policy policy;
    struct challenge_storage_entry storage[CHALLENGE_STORAGE_MAX];
    uint32_t storage_count;
};

/* challenge_file_read: what it points to lives in arena.  False: reported. */
bool challenge_file_read(const char *folder, struct arena *arena, struct challenge_file *out);

/* challenge_file_module_path: FOLDER/NAME.wasm.  False: too long. */
bool challenge_file_module_path(const struct challenge_file *f, char *out, size_t out_size);

/* challenge_file_register: the body that an owner signs; share of 10,000. */
void challenge_file_register(const struct challenge_file *f, struct span module, uint16_t share,
                             struct op_challenge_register *out);

/* challenge_name_is_valid: 1 to 64 lower-case letters, digits and dashes, a letter
 * first; it is a file's name too. */
bool challenge_name_is_valid(const char *name);

/* file_exists: whether something of this name can be read. */
bool file_exists(const char *path);

/* file_in_arena: a whole file, NUL behind it, in arena.  ERR_NOT_FOUND, ERR_DENIED, ERR_IO,
 * ERR_TOO_BIG, ERR_NO_MEMORY; says nothing. */
enum err file_in_arena(const char *path, size_t max, struct arena *arena, struct span *out);

#endif
