/* SPDX-License-Identifier: MIT */
/* examples/arduino/drive/client_port.h over a Client that is made of this machine's sockets. */
#include <netdb.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client_port.h"
#include "check.h"

/* As WiFiClient and EthernetClient: connect waits, connected() is true while there is something to read. */
class Sockets : public Client {
public:
    int fd = -1;

    int connect(const char *host, uint16_t port) override
    {
        addrinfo hints = {}, *found = nullptr;
        hints.ai_socktype = SOCK_STREAM;
        stop();
        if (getaddrinfo(host, nullptr, &hints, &found) != 0)
            return 0;
        reinterpret_cast<uint8_t *>(found->ai_addr)[2] = static_cast<uint8_t>(port >> 8);
        reinterpret_cast<uint8_t *>(found->ai_addr)[3] = static_cast<uint8_t>(port);
        fd = socket(found->ai_family, found->ai_socktype, 0);
        if (fd >= 0 && ::connect(fd, found->ai_addr, found->ai_addrlen) != 0)
            stop();
        freeaddrinfo(found);
        return fd >= 0;
    }

    size_t write(const uint8_t *buf, size_t size) override
    {
        ssize_t n = fd < 0 ? -1 : send(fd, buf, size, MSG_DONTWAIT);
        return n < 0 ? 0 : static_cast<size_t>(n);
    }

    int available() override
    {
        int n = 0;
        return fd >= 0 && ioctl(fd, FIONREAD, &n) == 0 ? n : 0;
    }

    int read(uint8_t *buf, size_t size) override
    {
        return fd < 0 ? -1 : static_cast<int>(recv(fd, buf, size, MSG_DONTWAIT));
    }

    void stop() override
    {
        if (fd >= 0)
            close(fd);
        fd = -1;
    }

    uint8_t connected() override
    {
        uint8_t octet;
        return fd >= 0 && recv(fd, &octet, 1, MSG_PEEK | MSG_DONTWAIT) != 0;
    }
};

int main(int argc, char **argv)
{
    static Sockets sockets;
    static client_port port = {&sockets, here_random};
    return argc == 4 ? here_check(client_port_functions(), &port, argv) : 2;
}
