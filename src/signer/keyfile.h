/* keyfile: a hotkey as operators keep it, to a keypair.
 *
 * Layer: L3, pure.  Secrets are copied into guarded memory only; the caller
 * wipes the file's bytes.
 *
 * Forms, told apart by how they begin:
 *   {"...  a Bittensor wallet's JSON: secretSeed, else secretPhrase
 *   $NACL  the same, encrypted: 24-byte nonce and secretbox under Argon2i of the
 *          password (libsodium's "sensitive" limits, the wallet's fixed salt)
 *   else   a secret URI: "0x" and a seed, or a phrase, each with a derivation
 *          path if wanted; "//Alice" alone is a key of the public test phrase */
#ifndef SIGNER_KEYFILE_H
#define SIGNER_KEYFILE_H

#include "crypto/sr25519.h"

enum { KEYFILE_SIZE_MAX = 4096 };

/* password: for $NACL; empty otherwise.  ERR_MALFORMED: none of the forms;
 * ERR_DENIED: encrypted and the password is missing or wrong; ERR_TOO_BIG;
 * ERR_UNSUPPORTED: an older encryption ($ANSIBLE_VAULT, Fernet): save the wallet
 * anew with a current btcli. */
enum err keyfile_parse(struct span bytes, struct span password, struct sr25519_keypair **out);

#endif
