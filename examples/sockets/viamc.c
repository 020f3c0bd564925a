/* SPDX-License-Identifier: MIT */
/* The one file with viamc's code. */
#define VIAMC_IMPLEMENTATION
#include "viamc_proto.h"
