/* Loaded before the C library: fails the FAIL_AT-th fdatasync of the process once with EIO, as a dying disk does. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>

static long calls;

int fdatasync(int descriptor) {
    static int (*real)(int);
    if (!real) {
        real = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
    }
    const char *fail_at = getenv("FAIL_AT");
    if (fail_at && ++calls == atol(fail_at)) {
        errno = EIO;
        return -1;
    }
    return real(descriptor);
}
