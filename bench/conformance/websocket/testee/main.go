// Command testee answers WebSockets by one library, as a replica.
package main

import (
	"log"
	"net/http"
	"os"
	"syscall"

	"holdfast/bench/conformance/websocket/talk"
)

func main() {
	for _, l := range talk.Libraries() {
		if l.Name == os.Args[1] {
			log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Getenv("PORT"), talk.Handler(l, func() { syscall.Kill(os.Getpid(), syscall.SIGKILL) })))
		}
	}
	log.Fatalf("no library %q", os.Args[1])
}
