/* The limit: a server that does nothing for a chunk but what no server can do without. It receives the request, writes its
 * body at the offset that Content-Range names into the file that the path names, and answers 204. Nothing is checked.
 * A thread for each connection.   kernel PORT DIRECTORY
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define BLOCK (256 * 1024)

static const char ANSWER[] = "HTTP/1.1 204 No Content\r\n\r\n";

static long number_after(const char *head, const char *name)
{
    const char *found = strcasestr(head, name);
    return found ? atol(found + strlen(name)) : -1;
}

/* one request; 0 when the connection is at its end */
static int serve(int connection, char *block)
{
    ssize_t have = 0, got;
    char *end = NULL;
    while (!end) {
        got = recv(connection, block + have, BLOCK - have, 0);
        if (got <= 0)
            return 0;
        have += got;
        block[have] = 0;
        end = strstr(block, "\r\n\r\n");
    }
    char *body = end + 4, path[256];
    *end = 0;
    long left = number_after(block, "Content-Length: "), offset = number_after(block, "Content-Range: bytes ");
    if (left < 0 || offset < 0 || sscanf(block, "PUT /%255s", path) != 1)
        return 0;
    int file = open(path, O_WRONLY | O_CREAT, 0640);
    have -= body - block;
    for (;;) {
        if (pwrite(file, body, have, offset) != have)
            abort();
        offset += have;
        left -= have;
        if (!left)
            break;
        body = block;
        have = recv(connection, block, left < BLOCK ? left : BLOCK, 0);
        if (have <= 0)
            return 0;
    }
    close(file);
    return send(connection, ANSWER, sizeof ANSWER - 1, MSG_NOSIGNAL) > 0;
}

static void *attend(void *given)
{
    int connection = (int)(long)given;
    char *block = malloc(BLOCK + 1);
    while (serve(connection, block))
        ;
    free(block);
    close(connection);
    return NULL;
}

int main(int count, char **words)
{
    if (count != 3 || chdir(words[2]))
        return 2;
    struct sockaddr_in place = {AF_INET, htons(atoi(words[1])), {htonl(INADDR_LOOPBACK)}, {0}};
    int yes = 1, door = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(door, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(door, (struct sockaddr *)&place, sizeof place) || listen(door, 128))
        return 1;
    for (;;) {
        pthread_t thread;
        int connection = accept(door, NULL, NULL);
        if (connection >= 0 && !pthread_create(&thread, NULL, attend, (void *)(long)connection))
            pthread_detach(thread);
    }
}
