/* SPDX-License-Identifier: MIT */
/* ports/win: the system's certificate store, read certificate by certificate. */
#ifndef VIAMC_PORTS_WIN_ROOTS_IMPL_H
#define VIAMC_PORTS_WIN_ROOTS_IMPL_H

#include "ports/win_sys.h"

#include "base/core_impl.h"
#include "ports/posix.h"
#include "ports/win.h"

#if !defined(VIAMC_NO_POSIX) && defined(_WIN32)

VMC_FN void vmc_win_roots_close(viamc_win *p)
{
    if (p->root != NULL)
        (void)CertFreeCertificateContext((PCCERT_CONTEXT)p->root);
    if (p->store != NULL)
        (void)CertCloseStore((HCERTSTORE)p->store, 0);
    p->store = NULL;
    p->root = NULL;
    p->next_root = 0;
}

VIAMC_API const char *viamc_posix_roots_path(void)
{
    return "the system's certificate store ROOT";
}

VIAMC_API viamc_err viamc_posix_next_root(void *user, unsigned index, uint8_t *der, size_t cap, size_t *len)
{
    viamc_win *p = (viamc_win *)user;
    PCCERT_CONTEXT cert;
    *len = 0;
    if (index < p->next_root)
        vmc_win_roots_close(p);
    if (p->store == NULL)
        p->store = (void *)CertOpenSystemStoreA(0, "ROOT");
    if (p->store == NULL) {
        p->conn[VIAMC_POSIX_ROOTS].error = (int)GetLastError();
        return VIAMC_ERR_IO;
    }
    for (;;) { /* each turn reads one certificate, and frees the one before */
        cert = CertEnumCertificatesInStore((HCERTSTORE)p->store, (PCCERT_CONTEXT)p->root);
        p->root = cert;
        if (cert == NULL)
            return VIAMC_ERR_NOT_FOUND;
        if (cert->cbCertEncoded <= cap && p->next_root++ == index)
            break;
    }
    *len = cert->cbCertEncoded;
    vmc_copy(der, cert->pbCertEncoded, *len);
    return VIAMC_OK;
}

#endif
#endif
