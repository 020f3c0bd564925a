/* SPDX-License-Identifier: MIT */
/* Part of viamc_proto.h: reading and writing any message by its descriptor, and lists. Knows no message by name. */

/* ---- messages ---- */

/* Reads an encoded message. Its strings, bytes, lists and Structs are views of these octets and live as long as they do.
 *   fields  &viam_..._msg
 *   msg     kept as long as the message is used
 *   out     the struct that belongs to it, all of it is set; what did not come is 0
 *   size    sizeof *out
 * Returns:  OK; ARG; MESSAGE (malformed, or a Struct or the message around a list came in two parts, which no encoder does). */
VIAMC_API viamc_err viamc_message_read(const pb_msgdesc_t *fields, viamc_bytes msg, void *out, size_t size);

/* Writes a message. nanopb's pb_encode does it too.
 *   buf      cap octets; NULL: none
 *   encoded  out: view of buf; with NOMEM its ptr is NULL and its len the octets needed
 * Returns:  OK; NOMEM; ARG; MESSAGE (a list of elements of another size, a list or Struct whose walk ended early, packed numbers that are
 *           malformed). Structs and messages in lists that were received are sent on octet for octet, unread: viamc_struct_check. */
VIAMC_API viamc_err viamc_message_write(const pb_msgdesc_t *fields, const void *msg, uint8_t *buf, size_t cap, viamc_bytes *encoded);

/* ---- lists: repeated fields and maps ---- */

/* Gives element `index` of a list that is to be written, NULL behind the last one. May be asked for the same one again. */
typedef const void *(*viamc_list_fn)(void *user, size_t index);

/* A repeated field or a map (a list of entries). Received: a walk over octets that are elements of the list; copy it to walk again, or put it
 * into another message to send it on. To be written: made by one of the functions below. All zero: empty.
 * What an element is: double, float, int32_t, int64_t, uint32_t, uint64_t, bool, viamc_str, viamc_bytes, viamc_fields (of a Struct) or a
 * message's struct; the header says it behind each list. */
typedef struct viamc_list {
    const void *ptr;            /* received: octets from the next element on; else: the array, or what belongs to next */
    size_t len;                 /* received: octets; else: elements */
    size_t run;                 /* received: octets left of the packed numbers that ptr stands in */
    viamc_list_fn next;         /* to be written element by element */
    const pb_msgdesc_t *fields; /* received: of the elements, if they are messages */
    uint16_t number;            /* received: of the field; 0: not received */
    uint16_t size;              /* of one element; 0: next knows */
    viamc_err err;              /* OK; MESSAGE: the walk ended early, the octets are malformed; ARG: read into another type */
    uint8_t type;               /* received: of the elements, PB_LTYPE_* */
} viamc_list;

/* A list to be written: the `count` elements of an array.
 *   array  kept until the message is encoded, which is when the function that starts a call or answers it returns */
#define viamc_list_of(array, count) viamc_list_array((array), (count), sizeof *(array))
VIAMC_API viamc_list viamc_list_array(const void *array, size_t count, size_t size);

/* A list to be written, of elements that `next` gives one by one, for instance all in the same memory.
 *   next, user  kept until the message is encoded */
VIAMC_API viamc_list viamc_list_from(viamc_list_fn next, void *user);

/* Reads the next element of a list that was received.
 *   list     moved on by one
 *   element  out: pointer to what the list is of
 * Returns:  true; false at the end. list->err tells whether the end was a good one. */
#define viamc_list_read(list, element) viamc_list_take((list), (element), sizeof *(element))
VIAMC_API bool viamc_list_take(viamc_list *list, void *element, size_t size);

/* Elements that are left in a list. Takes time in proportion to its octets. */
VIAMC_API size_t viamc_list_count(const viamc_list *list);
