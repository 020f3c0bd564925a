/* SPDX-License-Identifier: MIT */
#define VIAMC_IMPLEMENTATION
#include "viamc.h"
