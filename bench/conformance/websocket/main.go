// Command websocket has WebSockets spoken through the gateway, in clear text and
// over TLS:
//
//	go -C bench/conformance run ./websocket
//
// The stories of Autobahn's test suite are told to three servers that know nothing
// of each other (coder, gorilla, gobwas), frame by frame; what fails is told to the
// same server without a gateway, so that it is seen whose failure it is. Then the
// three libraries speak with each other, and what no library does is tried. The
// command fails when anything fails because of the gateway.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http/httptest"
	"os"
	"os/signal"
	"strings"
	"time"

	"holdfast/bench/conformance/rig"
	"holdfast/bench/conformance/websocket/talk"
)

// patience is how long one story may take on a busy machine.
const patience = time.Minute

const file = `name: websocket
owner: bench
gateway:
  listen: ["18960"]
  tls: [{certificate: site.pem, key: site.key}]
  routes:
    - {path: /coder, service: coder}
    - {path: /gorilla, service: gorilla}
    - {path: /gobwas, service: gobwas}
    - {path: /, service: quiet}
services:
  quiet: {command: ./testee gorilla, ports: ["18964"]}
  coder: {command: ./testee coder, replicas: 3, ports: ["18961"]}
  gorilla: {command: ./testee gorilla, replicas: 3, ports: ["18962"]}
  gobwas: {command: ./testee gobwas, replicas: 3, ports: ["18963"]}
`

// A tally counts what passed.
type tally struct{ passed, ours, theirs, lacking int }

func (t tally) String() string {
	return fmt.Sprintf("%d passed, %d failed, %d fail without a gateway as well, %d are not known to the library", t.passed, t.ours, t.theirs, t.lacking)
}

func (t *tally) add(o tally) {
	t.passed += o.passed
	t.ours += o.ours
	t.theirs += o.theirs
	t.lacking += o.lacking
}

func main() {
	idle := flag.Duration("idle", 90*time.Second, "how long a WebSocket says nothing")
	only := flag.String("only", "", "stories and scenes whose name has this")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	ours, err := run(ctx, *idle, *only)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	if err != nil || ours > 0 {
		os.Exit(1)
	}
}

// fronts are the ways to a library's server.
func fronts(i int, l talk.Library) map[string]string {
	return map[string]string{"clear text": fmt.Sprintf("ws://127.0.0.1:1896%d", i+1), "TLS": "wss://127.0.0.1:18960/" + l.Name}
}

func run(ctx context.Context, idle time.Duration, only string) (ours int, err error) {
	system, err := rig.Start(ctx, file, []string{"./websocket/testee"},
		"https://127.0.0.1:18960/", "https://127.0.0.1:18960/coder/", "https://127.0.0.1:18960/gorilla/", "https://127.0.0.1:18960/gobwas/")
	if err != nil {
		return 0, err
	}
	defer system.End()
	quiet := make(chan int, 1)
	go func() { quiet <- tryEdges(idle, only) }()
	var sum tally
	for i, l := range talk.Libraries() {
		direct := httptest.NewServer(talk.Handler(l, func() {}))
		for how, base := range fronts(i, l) {
			t := tellAll(l, base, strings.Replace(direct.URL, "http", "ws", 1), only)
			fmt.Printf("%d stories to %s over %s: %s\n", len(stories()), l.Name, how, t)
			sum.add(t)
		}
		direct.Close()
	}
	met := pair(only)
	fmt.Printf("stories: %s\npairs: %s\n", sum, met)
	if ours = sum.ours + met.ours + <-quiet; ours > 0 {
		fmt.Printf("what the program said:\n%s", system.Said())
	}
	return ours, nil
}

func tellAll(l talk.Library, base, direct, only string) (t tally) {
	for _, c := range stories() {
		if !strings.Contains(c.number, only) {
			continue
		}
		t.count(c.number, c.tell(base+"/echo", l), func() error { return c.tell(direct+"/echo", l) })
	}
	return t
}

// count asks without a gateway about what failed.
func (t *tally) count(name string, err error, without func() error) {
	switch {
	case err == nil:
		t.passed++
	case errors.Is(err, errLacks):
		t.lacking++
	case without() != nil:
		t.theirs++
		fmt.Printf("  fails without a gateway as well: %s: %v\n", name, err)
	default:
		t.ours++
		fmt.Printf("  FAIL %s: %v\n", name, err)
	}
}

// pair has each library speak with each.
func pair(only string) (t tally) {
	for i, server := range talk.Libraries() {
		for how, base := range fronts(i, server) {
			for _, client := range talk.Libraries() {
				for _, s := range scenes() {
					if name := fmt.Sprintf("%s to %s over %s: %s", client.Name, server.Name, how, s.name); strings.Contains(name, only) {
						t.count(name, s.play(client, base, server), func() error { return nil })
					}
				}
			}
		}
	}
	return t
}

// tryEdges tries them on a replica that nobody kills meanwhile.
func tryEdges(idle time.Duration, only string) (failed int) {
	for _, base := range []string{"ws://127.0.0.1:18964", "wss://127.0.0.1:18960"} {
		for _, e := range edges(idle) {
			if !strings.Contains(e.name, only) {
				continue
			}
			if err := e.play(base); err != nil {
				failed++
				fmt.Printf("  FAIL %s at %s: %v\n", e.name, base, err)
				continue
			}
			fmt.Printf("  PASS %s at %s\n", e.name, base)
		}
	}
	return failed
}
