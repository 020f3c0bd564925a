/* SPDX-License-Identifier: MIT */
/* Puts certificates into the store ROOT of the user: add_root DER... */
#include <stdio.h>
#include <windows.h>

#include <wincrypt.h>

int main(int argc, char **argv)
{
    static BYTE der[4096];
    HCERTSTORE store = CertOpenSystemStoreA(0, "ROOT");
    int i;
    for (i = 1; i < argc; i++) {
        FILE *file = fopen(argv[i], "rb");
        size_t n = file == NULL ? 0 : fread(der, 1, sizeof der, file);
        if (!CertAddEncodedCertificateToStore(store, X509_ASN_ENCODING, der, (DWORD)n, CERT_STORE_ADD_REPLACE_EXISTING, NULL))
            return fprintf(stderr, "add_root: %s: error %lx\n", argv[i], GetLastError()), 1;
        fclose(file);
    }
    return CertCloseStore(store, 0) ? 0 : 1;
}
