/* SPDX-License-Identifier: MIT */
#pragma once
#include <netdb.h>
