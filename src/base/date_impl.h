/* SPDX-License-Identifier: MIT */
/* base/date: days since 1970 as dates of the proleptic Gregorian calendar, and back. */
#ifndef VIAMC_BASE_DATE_IMPL_H
#define VIAMC_BASE_DATE_IMPL_H

#include "base/config.h"
#include "base/core_impl.h"

/* Days from 0000-03-01, where the years of this sum begin, to 1970-01-01. */
#define VMC_DATE_EPOCH 719468u
#define VMC_DATE_ERA_DAYS 146097u /* 400 years */

typedef struct vmc_date {
    uint32_t year, month, day;
} vmc_date;

/* Days since 1970-01-01 of a date of the proleptic Gregorian calendar, year 1 or later; 0 for all that is before. */
VMC_FN uint32_t vmc_date_days(vmc_date d)
{
    uint32_t year = d.month <= 2u ? d.year - 1u : d.year;
    uint32_t month = d.month <= 2u ? d.month + 9u : d.month - 3u; /* from March: then the leap day is the last of its year */
    uint32_t days = year * 365u + year / 4u - year / 100u + year / 400u + (153u * month + 2u) / 5u + d.day - 1u;
    return days < VMC_DATE_EPOCH ? 0u : days - VMC_DATE_EPOCH;
}

VMC_FN vmc_date vmc_date_of(uint32_t days)
{
    vmc_date d;
    uint32_t all = (days > UINT32_MAX - VMC_DATE_EPOCH ? UINT32_MAX - VMC_DATE_EPOCH : days) + VMC_DATE_EPOCH;
    uint32_t of_era = all % VMC_DATE_ERA_DAYS;
    uint32_t year = (of_era - of_era / 1460u + of_era / 36524u - of_era / 146096u) / 365u; /* less the leap days before it */
    uint32_t of_year = of_era - (365u * year + year / 4u - year / 100u);
    uint32_t month = (5u * of_year + 2u) / 153u;
    d.day = of_year - (153u * month + 2u) / 5u + 1u;
    d.month = month < 10u ? month + 3u : month - 9u;
    d.year = year + all / VMC_DATE_ERA_DAYS * 400u + (d.month <= 2u ? 1u : 0u);
    return d;
}

/* Writes "2026-03-01". */
VMC_FN void vmc_wr_date(vmc_wr *w, uint32_t days)
{
    vmc_date d = vmc_date_of(days);
    vmc_wr_dec(w, d.year);
    vmc_wr_u8(w, '-');
    vmc_wr_dec2(w, d.month);
    vmc_wr_u8(w, '-');
    vmc_wr_dec2(w, d.day);
}

#endif
