/* replay: runs one fuzz target over the files of a folder, its seed corpus, as
 * a unit test; a target that finds something aborts.  The empty input and a few
 * others always run, so that a target without seeds runs too. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SEED_SIZE_MAX = 1 << 20, NAME_SIZE_MAX = 4096 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* A block of exactly this size, so that ASan sees a read past the end. */
static void run(const uint8_t *bytes, size_t size)
{
    uint8_t *exact = malloc(size);
    if (exact == NULL && size > 0)
        abort();
    if (size > 0)
        memcpy(exact, bytes, size);
    LLVMFuzzerTestOneInput(exact, size);
    free(exact);
}

static void run_file(const char *path, uint8_t *buffer)
{
    FILE *f = fopen(path, "rb");
    if (f == NULL) {
        printf("Bail out! cannot read %s\n", path);
        exit(1);
    }
    size_t size = fread(buffer, 1, SEED_SIZE_MAX, f);
    fclose(f);
    run(buffer, size);
}

int main(int argc, char **argv)
{
    uint8_t *buffer = malloc(SEED_SIZE_MAX);
    if (argc != 2 || buffer == NULL)
        return 2;
    for (size_t size = 0; size < 300; size++) {
        memset(buffer, (int)(size % 3 == 0 ? 0 : size % 3 == 1 ? size : 255), size);
        run(buffer, size);
    }
    unsigned seeds = 0;
    DIR *d = opendir(argv[1]);
    for (struct dirent *e = d == NULL ? NULL : readdir(d); e != NULL; e = readdir(d)) {
        char path[NAME_SIZE_MAX];
        int length = snprintf(path, sizeof path, "%s/%s", argv[1], e->d_name);
        if (e->d_name[0] == '.' || length < 0 || (size_t)length >= sizeof path)
            continue;
        run_file(path, buffer);
        seeds++;
    }
    if (d != NULL)
        closedir(d);
    free(buffer);
    printf("1..1\nok 1 - %u seeds\n", seeds);
    return 0;
}
