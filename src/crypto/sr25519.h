/* sr25519: Schnorr signatures on ristretto255 as schnorrkel and Substrate make
 * them, under the signing context "substrate".
 *
 * Layer: L1.  Pure: randomness is an argument.  A keypair lives in guarded
 * memory (secret.h); everything that touches one is constant time and built on
 * libsodium.  Verification uses our own variable-time group arithmetic in
 * files that never see a secret.
 *
 *   SR-1  One key, one spelling: a public key with its top bit set, or that is
 *         not the canonical encoding of a group element, verifies nothing.
 *   SR-2  The zero key verifies nothing, although its encoding is canonical:
 *         anybody could sign for it.
 *   SR-3  A signature carries schnorrkel's marker bit and a scalar below the
 *         group order, or it is refused.
 *   SR-4  All the ways to verify give the same verdict: the group has prime
 *         order, so a batch cannot accept what a single check refuses (but for
 *         a chance of 2^-128). */
#ifndef CRYPTO_SR25519_H
#define CRYPTO_SR25519_H

#include "base/arena.h"

enum {
    SR25519_SEED_SIZE = 32,    /* A mini-secret. */
    SR25519_SECRET_SIZE = 64,  /* Expanded: scalar, then nonce seed. */
    SR25519_ENTROPY_SIZE = 32, /* Fresh random bytes for one signature. */
    SR25519_PATH_JUNCTIONS_MAX = 32,
    SR25519_BATCH_MAX = 32, /* Checked at once; longer batches are cut. */
};

/* --- Keypairs ------------------------------------------------------------ */

struct sr25519_keypair; /* Opaque; opened below, wiped by sr25519_close. */

/* All openers: ERR_NO_MEMORY when no guarded memory is left.  The secret is
 * borrowed and never kept by pointer. */

/* sr25519_from_seed: a 32-byte mini-secret, expanded as Ed25519 does.
 * ERR_BAD_KEY: another length. */
enum err sr25519_from_seed(struct span seed, struct sr25519_keypair **out);

/* An expanded secret of 64 bytes in one of its two layouts.  They cannot be
 * told apart safely, so the caller says which, and compares the public key.
 *   canonical  scalar | nonce        schnorrkel, Python, Bittensor wallets
 *   shifted    scalar << 3 | nonce   polkadot-js, wasm
 * ERR_BAD_KEY: another length, a scalar that is zero or not below the order,
 * or, shifted, one whose low three bits are not zero. */
enum err sr25519_from_canonical(struct span secret, struct sr25519_keypair **out);
enum err sr25519_from_shifted(struct span secret, struct sr25519_keypair **out);

/* sr25519_from_phrase: a BIP39 phrase and its passphrase ("" for none), by
 * Substrate's rule, which hashes the entropy and not the words (bip39.h).
 * ERR_MALFORMED: not a valid phrase. */
enum err sr25519_from_phrase(struct span phrase, struct span passphrase,
                             struct sr25519_keypair **out);

/* sr25519_from_uri: what the tools of the ecosystem take for a key,
 *   [phrase | 0x + 64 hex digits] { /soft | //hard } [ ///passphrase ]
 * With nothing before the first slash the public development phrase is meant,
 * so that //Alice works.  ERR_MALFORMED: not of this form, empty, a bad phrase,
 * a junction as in sr25519_derive, a passphrase after a hex seed. */
enum err sr25519_from_uri(struct span uri, struct sr25519_keypair **out);

/* sr25519_derive follows path ("//polkadot/0/x", "" for a copy).
 * ERR_MALFORMED: an empty junction, no slash at the start, more than
 * SR25519_PATH_JUNCTIONS_MAX junctions or 256 bytes in one, or a junction that
 * implementations read in different ways: a number beyond 64 bits or with a plus
 * sign, hexadecimal digits after 0x. */
enum err sr25519_derive(const struct sr25519_keypair *k, struct span path,
                        struct sr25519_keypair **out);

/* sr25519_derive_public: soft junctions only, without any secret.
 * ERR_DENIED: a hard junction.  ERR_BAD_KEY: no valid key. */
enum err sr25519_derive_public(const struct hotkey *key, struct span path, struct hotkey *out);

void sr25519_close(struct sr25519_keypair *k); /* NULL is fine. */

const struct hotkey *sr25519_public(const struct sr25519_keypair *k);

/* sr25519_export_canonical writes the 64-byte canonical layout: for key files
 * only.  The caller wipes it. */
void sr25519_export_canonical(const struct sr25519_keypair *k, uint8_t out[SR25519_SECRET_SIZE]);

/* sr25519_sign.  entropy hedges the nonce: fresh random bytes in production; any
 * fixed bytes give a safe, reproducible signature in a simulation. */
void sr25519_sign(const struct sr25519_keypair *k, struct span message,
                  const uint8_t entropy[SR25519_ENTROPY_SIZE], struct signature *out);

/* --- Verification --------------------------------------------------------- */

/* sr25519_key_ok: the key could verify something (SR-1, SR-2). */
bool sr25519_key_ok(const struct hotkey *key);

bool sr25519_verify(const struct hotkey *key, struct span message, const struct signature *s);

/* sr25519_verify_sodium: the same verdict over libsodium alone, several times
 * slower; what the fast one is tested against. */
bool sr25519_verify_sodium(const struct hotkey *key, struct span message,
                           const struct signature *s);

/* A key with tables made once: about twice as fast from then on. */
struct sr25519_prepared;
size_t sr25519_prepared_size(void); /* Aligned to 16, a multiple of it. */

/* ERR_BAD_KEY: sr25519_key_ok is false. */
enum err sr25519_prepare(const struct hotkey *key, struct sr25519_prepared *out);
const struct hotkey *sr25519_prepared_key(const struct sr25519_prepared *p);
bool sr25519_verify_prepared(const struct sr25519_prepared *p, struct span message,
                             const struct signature *s);

/* sr25519_verify_batch writes every verdict to valid[0 .. count-1] and returns
 * whether all hold.  entropy: 32 bytes that the signers could not foresee.
 * When a group does not hold, its members are checked one by one. */
struct sr25519_item {
    struct hotkey key;
    struct span message;
    struct signature signature;
};
bool sr25519_verify_batch(const struct sr25519_item *items, size_t count,
                          const uint8_t entropy[SR25519_ENTROPY_SIZE], bool *valid);

/* --- Start-up -------------------------------------------------------------- */

/* sr25519_self_test: known keys, signatures and refusals, by the fast path and by
 * libsodium.
 * ERR_UNSUPPORTED: this build or machine computes something wrong; do not go
 * on.  About two milliseconds. */
enum err sr25519_self_test(void);

#endif
