/* devchain_state: storage rows by name, at block d->at.  Inside devchain.
 *
 * Every read gives the metadata's default for a missing row, as a runtime does.
 * Pallet "" means SubtensorModule.  The rows are our own, so a shape that is
 * wrong is a corrupt store: ERR_CORRUPT is asserted away where a plain value is
 * returned. */
#ifndef CMD_DEVCHAIN_STATE_H
#define CMD_DEVCHAIN_STATE_H

#include "cmd/devchain.h"

/* Names a row: the arguments of its key. */
struct row {
    const char *pallet; /* NULL: SubtensorModule */
    const char *entry;
    uint32_t count;
    struct span arguments[3];
    uint8_t bytes[3][HOTKEY_SIZE]; /* what the spans point to */
};

struct row row_plain(const char *entry);
struct row row_u16(const char *entry, uint16_t a);
struct row row_u16_u16(const char *entry, uint16_t a, uint16_t b);
struct row row_u16_account(const char *entry, uint16_t a, const struct hotkey *b);
struct row row_account(const char *entry, const struct hotkey *a);
struct row row_account_u16(const char *entry, const struct hotkey *a, uint16_t b);
struct row row_in(const char *pallet, struct row r);

struct span dev_read(struct devchain *d, const struct row *r);
bool dev_has(struct devchain *d, const struct row *r); /* a row, not the default */
enum err dev_write(struct devchain *d, const struct row *r, struct span value);
enum err dev_write_key(struct devchain *d, struct span key, struct span value);

/* A little-endian number of any width up to 8 bytes. */
uint64_t dev_number(struct devchain *d, struct row r);
enum err dev_put_number(struct devchain *d, struct row r, uint64_t value, size_t width);
bool dev_account(struct devchain *d, struct row r, struct hotkey *out);

/* The index-th element of a Vec of fixed-width numbers; 0 past its end. */
uint64_t dev_element(struct devchain *d, struct row r, uint32_t index, size_t width);
enum err dev_put_element(struct devchain *d, struct row r, uint32_t index, size_t width,
                         uint64_t value);

/* What names a neuron: its keys, its place, and the block of its registration. */
enum err dev_put_neuron(struct devchain *d, uint16_t netuid, uint16_t uid,
                        const struct hotkey *hotkey, const struct hotkey *coldkey, uint64_t block);

/* Whether key is a neuron of the subnet, and which. */
bool dev_uid(struct devchain *d, uint16_t netuid, const struct hotkey *key, uint16_t *uid);
uint64_t dev_stake(struct devchain *d, uint16_t netuid, const struct hotkey *key);
uint64_t dev_epoch(struct devchain *d, uint16_t netuid, uint64_t block);

struct dev_balance {
    uint32_t nonce, consumers, providers, sufficients;
    uint64_t free, reserved, frozen;
};

struct dev_balance dev_balance(struct devchain *d, const struct hotkey *account);
enum err dev_put_balance(struct devchain *d, const struct hotkey *account,
                         const struct dev_balance *b);

/* dev_event starts an event of the current phase; the fields follow on
 * d->events.w, then dev_event_end. */
void dev_event(struct devchain *d, const char *pallet, const char *name);
void dev_event_end(struct devchain *d);

/* A call's result: ok, or a module's error by name. */
struct dispatch {
    bool ok;
    const char *pallet;
    const char *error;
};

/* Whether the chain executes the call, and whether it is free of charge. */
bool dev_call_known(struct devchain *d, struct span call, bool *pays);
bool dev_call_sets_weights(struct devchain *d, struct span call);
struct dispatch dev_dispatch(struct devchain *d, const struct hotkey *signer, struct span call);
uint64_t dev_fee(struct span extrinsic);

/* dev_api: a runtime API; ERR_NOT_FOUND: there is no such function;
 * ERR_MALFORMED: the arguments. */
enum err dev_api(struct devchain *d, const char *function, struct span arguments, struct wr *out);

enum err dev_genesis(struct devchain *d);

#endif
