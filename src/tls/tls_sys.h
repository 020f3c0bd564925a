/* SPDX-License-Identifier: MIT */
/* tls/tls_sys: the one header of BearSSL. Stands outside of extern "C": it has its own. */
#ifndef VIAMC_TLS_TLS_SYS_H
#define VIAMC_TLS_TLS_SYS_H

#ifndef VIAMC_NO_TLS
#include <bearssl.h>
#endif

#endif
