// Package tcp is what the kernel says of TCP connections, and no process can
// make it say otherwise: how much it had to send again, and what arrived and was
// not answered.
package tcp
