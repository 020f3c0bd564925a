/* SPDX-License-Identifier: MIT */
/* ports/posix: the system's trust store, one certificate after another.
 * Knows where systems keep it and PEM files; knows nothing of what is in a certificate. */
#ifndef VIAMC_PORTS_POSIX_ROOTS_IMPL_H
#define VIAMC_PORTS_POSIX_ROOTS_IMPL_H

#include "ports/posix_os_impl.h"

#include "base/core_impl.h"
#include "codec/dns_impl.h"
#include "codec/pem_impl.h"
#include "ports/posix.h"

#if !defined(VIAMC_NO_POSIX) && !defined(_WIN32)

#define VMC_POSIX_ROOTS_BYTES 67108864u /* viamc: of one walk through the store; Debian's has 220 KB */
#define VMC_POSIX_PATH_BYTES 1024u      /* of one folder of SSL_CERT_DIR */

/* Number i of the files that systems keep their roots in; NULL behind the last. The last one is a folder. */
VMC_FN const char *vmc_posix_roots_usual(unsigned i)
{
    switch (i) {
    case 0: return "/etc/ssl/certs/ca-certificates.crt"; /* Debian, Arch, Gentoo */
    case 1: return "/etc/pki/tls/certs/ca-bundle.crt";   /* Fedora, RHEL */
    case 2: return "/etc/ssl/ca-bundle.pem";             /* openSUSE */
    case 3: return "/etc/ssl/cert.pem";                  /* Alpine, BSD, macOS */
    case 4: return "/etc/ssl/certs";
    default: return NULL;
    }
}

/* The value of a variable, NULL if it is not set or empty. */
VMC_FN const char *vmc_posix_env(const char *name)
{
    const char *value = getenv(name);
    return value != NULL && value[0] != '\0' ? value : NULL;
}

VIAMC_API const char *viamc_posix_roots_path(void)
{
    const char *path = vmc_posix_env("SSL_CERT_FILE");
    unsigned i;
    if (path == NULL)
        path = vmc_posix_env("SSL_CERT_DIR");
    for (i = 0; path == NULL; i++)
        if (vmc_posix_roots_usual(i + 1u) == NULL || access(vmc_posix_roots_usual(i), R_OK) == 0)
            path = vmc_posix_roots_usual(i);
    return path;
}

VMC_FN void vmc_posix_roots_close(viamc_posix *p)
{
    vmc_posix_close_fd(&p->conn[VIAMC_POSIX_ROOTS].fd);
    if (p->roots.folder != NULL)
        (void)closedir((DIR *)p->roots.folder);
    p->roots.folder = NULL;
    p->roots.next = 0;
    p->roots.folder_next = 0;
    p->roots.total = 0;
    p->roots.at = p->roots.len = 0;
}

VMC_FN viamc_err vmc_posix_roots_fail(viamc_posix *p, int error)
{
    vmc_posix_roots_close(p);
    p->conn[VIAMC_POSIX_ROOTS].error = error;
    return VIAMC_ERR_IO;
}

/* ---- folders ---- */

/* Opens number folder_next of a list with colons. False behind the last; a folder that is not there is passed over. */
VMC_FN bool vmc_posix_roots_next_folder(viamc_posix *p)
{
    viamc_str list = viamc_text(viamc_posix_roots_path());
    char path[VMC_POSIX_PATH_BYTES];
    size_t n = vmc_dns_until(list, ':');
    uint32_t i;
    if (p->roots.folder != NULL)
        (void)closedir((DIR *)p->roots.folder);
    p->roots.folder = NULL;
    for (i = 0; i < p->roots.folder_next && n < list.len; i++) {
        list = vmc_dns_part(list, n + 1u, list.len - n - 1u);
        n = vmc_dns_until(list, ':');
    }
    if (i < p->roots.folder_next)
        return false;
    p->roots.folder_next++;
    if (n < sizeof path) {
        vmc_copy(path, list.ptr, n);
        path[n] = '\0';
        p->roots.folder = opendir(path);
    }
    if (p->roots.folder == NULL && p->conn[VIAMC_POSIX_ROOTS].error == 0)
        p->conn[VIAMC_POSIX_ROOTS].error = n < sizeof path ? errno : ENAMETOOLONG;
    return true;
}

/* A link to another name in the same folder: the hash links beside the files that they stand for. */
VMC_FN bool vmc_posix_roots_is_twin(int folder, const char *name)
{
    char target[VMC_POSIX_NAME_BYTES];
    ssize_t i, n = readlinkat(folder, name, target, sizeof target);
    for (i = 0; i < n; i++)
        if (target[i] == '/')
            return false;
    return n > 0;
}

/* Opens the next file of the folder. False behind the last. */
VMC_FN bool vmc_posix_roots_next_file(viamc_posix *p)
{
    DIR *folder = (DIR *)p->roots.folder;
    const struct dirent *entry;
    while (folder != NULL && (entry = readdir(folder)) != NULL) {
        if (entry->d_name[0] == '.' || vmc_posix_roots_is_twin(dirfd(folder), entry->d_name))
            continue;
        p->conn[VIAMC_POSIX_ROOTS].fd = openat(dirfd(folder), entry->d_name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        if (p->conn[VIAMC_POSIX_ROOTS].fd >= 0)
            return true;
    }
    return false;
}

/* The file that comes after the present one. False: that was the last, or the only one. */
VMC_FN bool vmc_posix_roots_advance(viamc_posix *p)
{
    vmc_posix_close_fd(&p->conn[VIAMC_POSIX_ROOTS].fd);
    if (p->roots.folder_next == 0)
        return false;
    while (!vmc_posix_roots_next_file(p))
        if (!vmc_posix_roots_next_folder(p))
            return false;
    return true;
}

/* ---- the walk ---- */

/* Opens the store at its start. */
VMC_FN viamc_err vmc_posix_roots_open(viamc_posix *p)
{
    vmc_posix_conn *file = &p->conn[VIAMC_POSIX_ROOTS];
    const char *path = viamc_posix_roots_path();
    struct stat st;
    bool one = vmc_posix_env("SSL_CERT_FILE") != NULL;
    if (!one && vmc_posix_env("SSL_CERT_DIR") == NULL)
        one = stat(path, &st) == 0 && !S_ISDIR(st.st_mode);
    vmc_posix_roots_close(p);
    file->error = 0;
    if (one) {
        file->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        file->error = file->fd < 0 ? errno : 0;
    } else {
        (void)vmc_posix_roots_next_folder(p);
        if (vmc_posix_roots_next_file(p) || vmc_posix_roots_advance(p))
            file->error = 0; /* one folder of several is enough */
        else if (file->error == 0)
            return VIAMC_ERR_NOT_FOUND;
    }
    if (file->error != 0)
        return vmc_posix_roots_fail(p, file->error);
    return VIAMC_OK;
}

/* Fills the buffer from the present file or the next one. NOT_FOUND: the store is at its end. */
VMC_FN viamc_err vmc_posix_roots_fill(viamc_posix *p, bool *other_file)
{
    vmc_posix_roots *r = &p->roots;
    for (;;) { /* ends with the last file, at the latest */
        int fd = p->conn[VIAMC_POSIX_ROOTS].fd;
        ssize_t n = fd < 0 ? 0 : read(fd, r->buf, sizeof r->buf);
        if (n < 0 && r->folder == NULL)
            return vmc_posix_roots_fail(p, errno);
        if (n > 0 && r->total > VMC_POSIX_ROOTS_BYTES)
            return vmc_posix_roots_fail(p, EFBIG);
        if (n > 0) {
            r->total += (uint32_t)n;
            r->at = 0;
            r->len = (uint16_t)n;
            return VIAMC_OK;
        }
        if (!vmc_posix_roots_advance(p)) /* what cannot be read in a folder (subfolders, others' files) is passed over */
            return VIAMC_ERR_NOT_FOUND;
        *other_file = true;
    }
}

VMC_FN bool vmc_posix_roots_is_cert(const vmc_pem *pem)
{
    return vmc_bytes_are(vmc_bytes_of(vmc_pem_label(pem)), "CERTIFICATE");
}

/* Reads up to and with the next certificate. */
VMC_FN viamc_err vmc_posix_roots_read(viamc_posix *p, uint8_t *der, size_t cap, size_t *len)
{
    vmc_posix_roots *r = &p->roots;
    viamc_err err = VIAMC_OK;
    vmc_pem pem;
    vmc_pem_begin(&pem, der, cap);
    for (;;) { /* each turn but the last takes octets, of which there are at most VMC_POSIX_ROOTS_BYTES */
        viamc_bytes piece = viamc_view(r->buf + r->at, (size_t)(r->len - r->at));
        unsigned found = vmc_pem_next(&pem, &piece);
        bool other_file = false;
        r->at = (uint16_t)(r->len - piece.len);
        if (found == VMC_PEM_OBJECT && vmc_posix_roots_is_cert(&pem))
            break;
        if (found == VMC_PEM_MORE)
            err = vmc_posix_roots_fill(p, &other_file);
        if (err != VIAMC_OK)
            return err;
        if (other_file)
            vmc_pem_begin(&pem, der, cap);
    }
    *len = pem.der.len;
    r->next++;
    return VIAMC_OK;
}

VIAMC_API viamc_err viamc_posix_next_root(void *user, unsigned index, uint8_t *der, size_t cap, size_t *len)
{
    viamc_posix *p = (viamc_posix *)user;
    viamc_err err = VIAMC_OK;
    if (p == NULL || der == NULL || len == NULL)
        return VIAMC_ERR_ARG;
    *len = 0;
    if (index == 0 || index < p->roots.next || (p->conn[VIAMC_POSIX_ROOTS].fd < 0 && p->roots.folder_next == 0))
        err = vmc_posix_roots_open(p);
    while (err == VIAMC_OK && p->roots.next <= index)
        err = vmc_posix_roots_read(p, der, cap, len);
    if (err != VIAMC_OK) {
        vmc_posix_roots_close(p);
        *len = 0;
    }
    return err;
}

#endif
#endif
