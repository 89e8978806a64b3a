#include "chain/extrinsic.h"
#include "fuzz_chain.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* XT-3: what is taken for a signed extrinsic is put together again as it was. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t again[EXTRINSIC_SIZE_MAX];
    const struct metadata *m = fuzz_metadata(NULL);
    struct extrinsic x;
    if (extrinsic_decode(m, span_of(data, size), &x) != ERR_OK || !x.is_signed)
        return 0;
    struct wr w = wr_init((struct room){again, sizeof again});
    assert(extrinsic_assemble(&x.signer, &x.signature, x.extra, x.call, &w) == ERR_OK);
    assert(span_equal(wr_done(&w), span_of(data, size)));
    assert(call_check(m, x.call) == ERR_OK);
    return 0;
}
