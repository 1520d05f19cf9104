package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"holdfast"
	"holdfast/api"
	"holdfast/event"
	"holdfast/examples/shop"
	"holdfast/internal/proc"
)

const (
	// demoHangs is mended by itself when one replica hangs, and by nobody but a person
	// when both do.
	demoHangs = "catalog.hang"
	// demoVow is what the demo's incident puts another promise, and people, in place of.
	// Of 99.9 % ten seconds cost a shop that has run for one minute the budget of hours,
	// and its incident would stay open until five minutes are forgotten.
	demoVow    = "promise: 99.9%\n"
	demoPeople = `promise: 90%
people:
  ana: {contacts: [{via: bell}]}
  ben: {contacts: [{via: bell}]}
channels:
  bell:
    command: sh -c '(echo "$$HOLDFAST_SUBJECT"; echo; cat; echo; echo) >> told'
escalation_policies:
  night: {rules: [{notify: ana}, {notify: ben, after: 2m}]}
escalate: night
`
	// demoWaits bounds each step of the incident: the longest lasts fifteen seconds, from
	// one count of what users saw to the next.
	demoWaits = time.Minute
	// demoVisits is how far users come apart: some 20 a second, which any machine bears
	// beside the demo.
	demoVisits = 50 * time.Millisecond
	// The ports that the shop may be published at lie above those that replicas are
	// given, and below those that the kernel gives away.
	demoPort, demoPorts = 30_000, 2_700
)

// demoPages are what users ask for, in turn. One of six needs the catalog: more, and
// the budget of 90 % would burn too.
func demoPages() []string {
	return []string{"/", "/basket", "/about", "/basket", "/about", "/basket"}
}

// demoCalled is the shop's file with the fallback that the demo ends with and people
// to call, and where it is published: at a port that is free, since another demo, or
// the reader's own work, may have 8080.
func demoCalled() (text, address string, err error) {
	text = strings.Replace(strings.Replace(shop.File, demoBroken, demoFixed, 1), demoVow, demoPeople, 1)
	for range 100 {
		port := strconv.Itoa(demoPort + rand.IntN(demoPorts))
		address = net.JoinHostPort("127.0.0.1", port)
		var listener net.Listener
		if listener, err = net.Listen("tcp", address); err == nil {
			return strings.Replace(text, `"8080"`, `"`+port+`"`, 1), address, listener.Close()
		}
	}
	return "", "", fmt.Errorf("find a port for the shop: %w", err)
}

// demoIncident proves that one replica that hangs is mended without anybody, then
// runs the shop, stops both, and shows what ana is sent.
func demoIncident(ctx context.Context, p proving, dir string) error {
	file := filepath.Join(dir, defaultFile)
	text, address, err := demoCalled()
	if err != nil {
		return exit(exitCouldNot, err)
	}
	fmt.Fprintf(p.out, "The shop of holdfast demo, and whom it calls: ana, after two minutes ben, by a command that\nwrites into a file. (A shop that runs for a minute also has to promise less.)\n\n%s\nOne replica of catalog hangs. That is mended without anybody:\n\n", difference(demoVow, demoPeople))
	if err := p.demoProof(ctx, file, text, holdfast.Pass, demoHangs); err != nil {
		return err
	}
	fmt.Fprint(p.out, "\nNow the shop runs in earnest, users come, and both replicas of catalog are stopped, as by\nsomebody's debugger. To kill all that is left is not for a program to decide:\n\n")
	s, err := demoShop(ctx, p, dir, text)
	if err == nil {
		err = s.calls(ctx, address)
	}
	if s != nil {
		err = errors.Join(err, s.stop(ctx))
	}
	if err != nil {
		return failed(ctx, err)
	}
	fmt.Fprintf(p.out, "\nAll of it is kept:\n\n    cd %s\n    ./holdfast incidents show %s   # its times, who was told, and every entry with its cause\n    ./holdfast postmortem %s       # the facts filled in, the questions left to people\n", dir, s.incident, s.incident)
	return nil
}

// A runningShop is the demo's shop while it runs as up runs one.
type runningShop struct {
	*up
	out      io.Writer // of the demo
	dir      string
	seen     uint64 // the last entry that was waited for
	incident holdfast.IncidentID
}

// demoShop starts the shop. What it returns is to be stopped, with an error too.
func demoShop(ctx context.Context, p proving, dir, text string) (*runningShop, error) {
	state, err := stateOf("", dir)
	if err != nil {
		return nil, err
	}
	declared := api.File{Name: defaultFile, Text: text, Dir: dir}
	system, _, err := readDeclared(declared)
	if err != nil {
		return nil, err
	}
	u := &up{state: state, system: system, out: p.notices, began: time.Now(), client: api.NewClient(state.apiSocket())}
	s := &runningShop{up: u, out: p.out, dir: dir}
	if err := u.start(ctx, declared); err != nil {
		return s, err
	}
	return s, u.untilServing(ctx)
}

// stop stops everything, also for a person who does not want to see the rest.
func (s *runningShop) stop(ctx context.Context) error {
	defer s.client.Close()
	return stopSystem(context.WithoutCancel(ctx), s.state, s.client, who(), s.up.out)
}

// calls has both replicas of catalog hang while users come, until ana was told that
// it is over. What users saw is counted every fifteen seconds: it begins after one
// count, so that the page knows what is usual, and ends after another, so that its end
// knows what was lost.
func (s *runningShop) calls(ctx context.Context, address string) error {
	leave := visit(ctx, "http://"+address)
	defer leave()
	if err := s.await(ctx, "a count of what users saw", usersWereCounted); err != nil {
		return err
	}
	if err := s.strike(ctx, syscall.SIGSTOP); err != nil {
		return err
	}
	if err := s.await(ctx, "the page", s.delivered(holdfast.Trigger)); err != nil {
		return err
	}
	page, err := s.told()
	if err != nil {
		return err
	}
	fmt.Fprintf(s.out, "%s\nana acknowledges, so that ben may sleep, finds the debugger, and lets both go on:\n\n", indent(page))
	for _, said := range []event.Body{
		event.Acknowledged{Incident: s.incident, By: "ana", Via: "command line"},
		event.Noted{Incident: s.incident, By: "ana", Text: "both are stopped, state T: somebody's debugger holds them"},
	} {
		if err := s.client.Say(ctx, said); err != nil {
			return err
		}
	}
	if err := s.await(ctx, "a count of what users saw", usersWereCounted); err != nil {
		return err
	}
	if err := s.strike(ctx, syscall.SIGCONT); err != nil {
		return err
	}
	if err := s.await(ctx, "the word that it is over", s.delivered(holdfast.Resolve)); err != nil {
		return err
	}
	all, err := s.told()
	fmt.Fprint(s.out, indent(strings.TrimPrefix(all, page)))
	return err
}

// usersWereCounted tells whether an entry is a count of some requests.
func usersWereCounted(body event.Body) bool {
	count, ok := body.(holdfast.Counted)
	return ok && len(count.Routes) > 0
}

// delivered tells of an entry whether a message of a purpose arrived, and remembers
// whose it is.
func (s *runningShop) delivered(purpose holdfast.Purpose) func(event.Body) bool {
	return func(body event.Body) bool {
		message, ok := body.(event.Delivered)
		if !ok || !strings.HasSuffix(string(message.Key), "/"+string(purpose)) {
			return false
		}
		id, _, _ := strings.Cut(string(message.Key), "/")
		s.incident = holdfast.IncidentID(id)
		return true
	}
}

// errCame ends the reading of entries.
const errCame = holdfast.Refusal("what was waited for came")

// await waits for the next entry of some sort, whoever dies meanwhile.
func (s *runningShop) await(ctx context.Context, what string, is func(event.Body) bool) error {
	waits, cancel := context.WithTimeout(ctx, demoWaits)
	defer cancel()
	for {
		err := s.client.Entries(waits, s.seen, true, func(entry event.Entry) error {
			s.seen = entry.ID.Seq
			if is(entry.Body) {
				return errCame
			}
			return nil
		})
		if errors.Is(err, errCame) {
			return nil
		}
		select {
		case <-waits.Done():
			return fmt.Errorf("%s did not come within %s: please report it", what, demoWaits)
		case <-time.After(50 * time.Millisecond): // the agent is on its way
		}
	}
}

// strike sends a signal to every replica of what hangs.
func (s *runningShop) strike(ctx context.Context, signal syscall.Signal) error {
	status, err := s.client.Status(ctx)
	if err != nil {
		return err
	}
	name, _, _ := strings.Cut(demoHangs, ".")
	for _, service := range status.View.Services {
		if string(service.Name) != name {
			continue
		}
		for _, replica := range service.Replicas {
			ticks, err := proc.Ticks(replica.Pid)
			if err == nil {
				err = proc.Signal(replica.Pid, ticks, signal)
			}
			if err != nil {
				return fmt.Errorf("send %s to %s: %w", signal, replica.ID.Name(), err)
			}
		}
	}
	return nil
}

// told is what the bell wrote down.
func (s *runningShop) told() (string, error) {
	text, err := os.ReadFile(filepath.Join(s.dir, "told"))
	return string(text), err
}

// visit has users come, one after the other, whether those before them are answered
// or not, until the function it returns is called, which waits for them.
func visit(ctx context.Context, address string) (leave func()) {
	visits, cancel := context.WithCancel(ctx)
	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{}} // at most a hundred wait
	var users sync.WaitGroup
	users.Go(func() {
		ticker := time.NewTicker(demoVisits)
		defer ticker.Stop()
		for n := 0; ; n++ {
			page := demoPages()[n%len(demoPages())]
			users.Go(func() { look(visits, client, address+page) })
			select {
			case <-visits.Done():
				return
			case <-ticker.C:
			}
		}
	})
	return func() {
		cancel()
		users.Wait()
		client.CloseIdleConnections()
	}
}

// look asks for a page. The gateway counts what came of it.
func look(ctx context.Context, client *http.Client, page string) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, page, nil)
	if err != nil {
		return
	}
	if response, err := client.Do(request); err == nil {
		response.Body.Close()
	}
}
