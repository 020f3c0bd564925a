/* SPDX-License-Identifier: MIT */
#include "lan9118.h"

#define REG(offset) (*(volatile uint32_t *)(chip + (offset)))
#define RX_DATA REG(0x00u)
#define TX_DATA REG(0x20u)
#define RX_STATUS REG(0x40u)
#define TX_STATUS REG(0x48u)
#define IRQ_CFG REG(0x54u)
#define INT_STS REG(0x58u)
#define INT_EN REG(0x5cu)
#define BYTE_TEST REG(0x64u)
#define FIFO_INT REG(0x68u)
#define RX_CFG REG(0x6cu)
#define TX_CFG REG(0x70u)
#define HW_CFG REG(0x74u)
#define RX_FIFO_INF REG(0x7cu)
#define TX_FIFO_INF REG(0x80u)
#define MAC_CMD REG(0xa4u)
#define MAC_DATA REG(0xa8u)
#define AFC_CFG REG(0xacu)

enum { BYTE_TEST_IS = (int)0x87654321 };
enum { HW_RESET = 1, HW_TX_5K = 0x00050000 };
enum { MAC_CR = 1, MAC_ADDRESS_HIGH = 2, MAC_ADDRESS_LOW = 3 };
enum { CR_RX = 0x4, CR_TX = 0x8, CR_FULL_DUPLEX = 0x100000 };
enum { TX_ON = 2, TX_FIRST = 0x2000, TX_LAST = 0x1000, TX_COMMANDS = 8 };
enum { RX_ERROR = 0x8000, RX_CHECK_SUM = 4 };
enum { INT_RX = 8, IRQ_ON = 0x100, IRQ_HIGH = 0x10, IRQ_PUSH = 0x1 };
enum { TX_STATUS_MAX = 128 }; /* words of the list of what became of frames */
enum { BAD_MAX = 32 };      /* damaged frames in a row that one call takes out of the chip */
enum { PATIENCE = 100000 }; /* reads of a register that must change soon */
#define MAC_BUSY 0x80000000u

static uintptr_t chip;

static bool mac_write(uint32_t number, uint32_t value)
{
    unsigned i;
    MAC_DATA = value;
    MAC_CMD = MAC_BUSY | number;
    for (i = 0; i < PATIENCE; i++)
        if ((MAC_CMD & MAC_BUSY) == 0)
            return true;
    return false;
}

static bool reset_chip(void)
{
    unsigned i;
    if (BYTE_TEST != (uint32_t)BYTE_TEST_IS)
        return false;
    HW_CFG = HW_RESET;
    for (i = 0; i < PATIENCE; i++)
        if ((HW_CFG & HW_RESET) == 0)
            return true;
    return false;
}

bool lan9118_start(uintptr_t base, const uint8_t mac[6])
{
    chip = base;
    if (!reset_chip())
        return false;
    HW_CFG = HW_TX_5K;
    AFC_CFG = 0x006e3740u; /* flow control: the data sheet's own values */
    INT_EN = 0;
    INT_STS = 0xffffffffu;
    FIFO_INT = 0x48000000u; /* of received frames: at the first one */
    RX_CFG = 0;
    TX_CFG = TX_ON;
    IRQ_CFG = IRQ_ON | IRQ_HIGH | IRQ_PUSH;
    return mac_write(MAC_ADDRESS_LOW, (uint32_t)mac[3] << 24 | (uint32_t)mac[2] << 16 | (uint32_t)mac[1] << 8 | mac[0])
        && mac_write(MAC_ADDRESS_HIGH, (uint32_t)mac[5] << 8 | mac[4])
        && mac_write(MAC_CR, CR_RX | CR_TX | CR_FULL_DUPLEX);
}

bool lan9118_waiting(void)
{
    return (RX_FIFO_INF >> 16 & 0xffu) != 0;
}

/* A frame that is damaged or too long is taken out of the chip and forgotten. */
size_t lan9118_receive(uint32_t *frame)
{
    uint32_t status, octets, word, i;
    unsigned turn;
    for (turn = 0; turn < BAD_MAX && lan9118_waiting(); turn++) {
        status = RX_STATUS;
        octets = status >> 16 & 0x3fffu;
        for (i = 0; i < (octets + 3u) / 4u; i++) {
            word = RX_DATA;
            if (i < (LAN9118_FRAME + RX_CHECK_SUM + 3u) / 4u)
                frame[i] = word;
        }
        if ((status & RX_ERROR) == 0 && octets > RX_CHECK_SUM && octets <= LAN9118_FRAME + RX_CHECK_SUM)
            return octets - RX_CHECK_SUM;
    }
    return 0;
}

bool lan9118_send(const uint32_t *frame, size_t len)
{
    uint32_t i;
    /* What became of earlier frames: nobody asks, but the list must not fill up. */
    for (i = 0; i < TX_STATUS_MAX && (TX_FIFO_INF >> 16 & 0xffu) != 0; i++)
        (void)TX_STATUS;
    if ((TX_FIFO_INF & 0xffffu) < len + TX_COMMANDS + 4u)
        return false;
    TX_DATA = TX_FIRST | TX_LAST | (uint32_t)len;
    TX_DATA = (uint32_t)len;
    for (i = 0; i < (len + 3u) / 4u; i++)
        TX_DATA = frame[i];
    return true;
}

void lan9118_interrupt(bool on)
{
    INT_STS = INT_RX;
    INT_EN = on ? INT_RX : 0;
}
