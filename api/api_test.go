package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"holdfast"
	"holdfast/event"
)

func TestOnlyTheOwnerCanOpenTheSocket(t *testing.T) {
	h := serve(t, &stub{})
	info, err := os.Stat(h.socket)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the socket is %v, error %v", info.Mode(), err)
	}
}

func TestStatusAndDiagnosisArriveWhole(t *testing.T) {
	want := Diagnosis{
		ID: holdfast.ReplicaID{Service: "catalog", Ordinal: 2, Incarnation: 4}, Command: "./catalog", Run: []string{"./catalog"}, Dir: "/srv",
		State: "exit 1 after 3ms", Address: "127.0.0.1:1", Listening: true, Tried: "connection refused", Log: "/x.log", Lines: []string{"no database"},
	}
	h := serve(t, &stub{private: true, diagnose: map[holdfast.ReplicaName]Diagnosis{"catalog-2": want}})
	status, err := h.Client.Status(t.Context())
	if same := h.stub.Status(t.Context()); err != nil || !reflect.DeepEqual(status, same) {
		t.Errorf("status %+v, error %v; want %+v", status, err, same)
	}
	if got, err := h.Client.Diagnose(t.Context(), "catalog-2"); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("diagnosis %+v, error %v", got, err)
	}
}

func TestADifferenceArrivesAndChangesNothing(t *testing.T) {
	h := serve(t, &stub{})
	want, _ := h.stub.Compare(t.Context(), File{})
	if got, err := h.Client.Compare(t.Context(), File{Text: "name: shop\n"}); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("difference %+v, error %v", got, err)
	}
	if len(h.declared)+len(h.told) > 0 {
		t.Errorf("declared %v, told %v", h.declared, h.told)
	}
	bad := serve(t, &stub{refuses: &Problem{Code: BadFile, Message: "no"}})
	_, err := bad.Client.Compare(t.Context(), File{})
	if got := refused(t, err); got.Code != BadFile {
		t.Errorf("got %+v", got)
	}
}

func TestWhatIsToldArrives(t *testing.T) {
	h := serve(t, &stub{private: true})
	file := File{Name: "holdfast.yaml", Text: "name: shop\n", Dir: "/srv/shop"}
	injected := event.FaultInjected{Mode: "catalog.crash", Fault: "kill", ID: holdfast.ReplicaID{Service: "catalog", Ordinal: 1, Incarnation: 1}}
	removed := event.FaultRemoved(injected)
	for what, err := range map[string]error{
		"declare": h.Client.Declare(t.Context(), file), "stop": h.Stop(t.Context(), "ana"),
		"injected": h.Injected(t.Context(), injected), "removed": h.Removed(t.Context(), removed), "reset": h.ResetGuards(t.Context(), "prove"),
	} {
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	if !reflect.DeepEqual(h.declared, []File{file}) {
		t.Errorf("declared %+v", h.declared)
	}
	if len(h.told) != 4 {
		t.Fatalf("told %v", h.told)
	}
	for _, want := range []event.Body{event.StopRequested{By: "ana"}, injected, removed, event.GuardsReset{By: "prove"}} {
		if text := fmt.Sprint(h.told); !strings.Contains(text, fmt.Sprint(want)) {
			t.Errorf("%#v was not told; told was %s", want, text)
		}
	}
}

func TestARefusalArrivesAsTheProblemItIs(t *testing.T) {
	taken := &Problem{Code: AddressTaken, Message: "127.0.0.1:8080 is taken by pid 12", Hint: "end it"}
	h := serve(t, &stub{refuses: fmt.Errorf("declare: %w", taken)})
	if got := refused(t, h.Client.Declare(t.Context(), File{})); *got != *taken {
		t.Errorf("got %+v", got)
	}
	if text := taken.Error(); text != "127.0.0.1:8080 is taken by pid 12\n  next: end it" {
		t.Errorf("as a text: %q", text)
	}
}

// An agent that is on its way out, because its keeper is, refuses nothing: it
// cannot. Whoever asked may try again, and meets the next one.
func TestAMishapOfTheAgentIsNoRefusal(t *testing.T) {
	h := serve(t, &stub{refuses: errors.New("the keeper is lost")})
	err := h.Stop(t.Context(), "ana")
	var problem *Problem
	if err == nil || errors.As(err, &problem) || !strings.Contains(err.Error(), "the keeper is lost") {
		t.Errorf("got %v", err)
	}
}

func TestWhoIsUnknownIsSaidToBe(t *testing.T) {
	h := serve(t, &stub{})
	_, err := h.Client.Diagnose(t.Context(), "catalog-9")
	for call, err := range map[string]error{"diagnosis": err, "logs": h.Logs(t.Context(), "catalog-9", 1, false, io.Discard)} {
		if got := refused(t, err); got.Code != Unknown || !strings.Contains(got.Message, `"catalog-9"`) || got.Hint == "" {
			t.Errorf("%s: %+v", call, got)
		}
	}
}

func TestFaultsAreRecordedInPrivateCopiesOnly(t *testing.T) {
	h := serve(t, &stub{})
	for call, err := range map[string]error{
		"injected": h.Injected(t.Context(), event.FaultInjected{}), "removed": h.Removed(t.Context(), event.FaultRemoved{}), "reset": h.ResetGuards(t.Context(), "prove"),
	} {
		if got := refused(t, err); got.Code != NotPrivate || got.Hint == "" {
			t.Errorf("%s: %+v", call, got)
		}
	}
	if len(h.told) > 0 {
		t.Errorf("told all the same: %v", h.told)
	}
}

// send makes a call as a stranger's program would.
func (h *house) send(method, path, body string) (status int, problem string) {
	h.t.Helper()
	request, err := http.NewRequestWithContext(h.t.Context(), method, "http://holdfast"+path, strings.NewReader(body))
	if err != nil {
		h.t.Fatal(err)
	}
	response, err := h.Client.http.Do(request)
	if err != nil {
		h.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

func TestWhatIsNotUnderstoodIsRefusedWhole(t *testing.T) {
	h := serve(t, &stub{private: true})
	for name, call := range map[string]struct {
		method, path, body string
		status             int
		says               string
	}{
		"an unknown field":     {"POST", "/v0/stop", `{"by":"ana","force":true}`, http.StatusBadRequest, "force"},
		"no document":          {"POST", "/v0/stop", "", http.StatusBadRequest, "EOF"},
		"half a document":      {"POST", "/v0/stop", `{"by":"an`, http.StatusBadRequest, "EOF"},
		"two documents":        {"POST", "/v0/stop", `{"by":"ana"}{"by":"ben"}`, http.StatusBadRequest, "more than one"},
		"the wrong type":       {"POST", "/v0/stop", `{"by":7}`, http.StatusBadRequest, "by"},
		"an oversized file":    {"PUT", "/v0/file", `{"text":"` + strings.Repeat("x", maxBody) + `"}`, http.StatusBadRequest, "too large"},
		"much room behind it":  {"PUT", "/v0/file", `{}` + strings.Repeat(" ", maxBody), http.StatusBadRequest, "more than one"},
		"no number":            {"GET", "/v0/events?after=yesterday", "", http.StatusBadRequest, "after must be a number"},
		"a negative number":    {"GET", "/v0/logs/catalog-1?lines=-1", "", http.StatusNotFound, "catalog-1"},
		"an unknown path":      {"GET", "/v0/nothing", "", http.StatusNotFound, ""},
		"another version":      {"GET", "/v1/status", "", http.StatusNotFound, ""},
		"another method":       {"GET", "/v0/stop", "", http.StatusMethodNotAllowed, ""},
		"a way out of the log": {"GET", "/v0/logs/..%2f..%2fetc%2fpasswd", "", http.StatusNotFound, "there is no replica"},
	} {
		status, text := h.send(call.method, call.path, call.body)
		if status != call.status || !strings.Contains(text, call.says) {
			t.Errorf("%s: status %d, %q; want %d and %q", name, status, text, call.status, call.says)
		}
	}
	if len(h.told)+len(h.declared) > 0 {
		t.Errorf("told %v, declared %v", h.told, h.declared)
	}
}

func TestAFileOfTheLargestSizeIsTaken(t *testing.T) {
	h := serve(t, &stub{})
	file := File{Text: strings.Repeat("\n", 1<<20)} // JSON doubles it
	if err := h.Client.Declare(t.Context(), file); err != nil || len(h.declared) != 1 || h.declared[0] != file {
		t.Errorf("error %v", err)
	}
}

func TestEntriesComeInOrderAndEnd(t *testing.T) {
	h := serve(t, &stub{})
	for range 3 {
		h.says(event.Paused{By: "ana"})
	}
	var got []uint64
	err := h.Client.Entries(t.Context(), 1, false, func(entry event.Entry) error {
		got = append(got, entry.ID.Seq)
		return nil
	})
	if err != nil || !reflect.DeepEqual(got, []uint64{2, 3}) {
		t.Errorf("entries %v, error %v", got, err)
	}
	enough := errors.New("enough")
	if err := h.Client.Entries(t.Context(), 0, false, func(event.Entry) error { return enough }); !errors.Is(err, enough) {
		t.Errorf("who had enough got %v", err)
	}
}

// A record that cannot be read to its end must not look as if that were all.
func TestEntriesThatEndEarlyAreAnError(t *testing.T) {
	h := serve(t, &stub{breaks: errors.New("segment 7 is damaged")})
	h.says(event.Paused{By: "ana"})
	for _, follow := range []bool{false, true} {
		if err := h.Client.Entries(t.Context(), 0, follow, func(event.Entry) error { return nil }); err == nil {
			t.Errorf("a record that broke off looks whole (follow %t)", follow)
		}
	}
}

// follow reads entries until ctx ends.
func (h *house) follow(ctx context.Context) (entries chan event.Entry, ended chan error) {
	entries, ended = make(chan event.Entry, 100), make(chan error, 1)
	go func() {
		ended <- h.Client.Entries(ctx, 0, true, func(entry event.Entry) error {
			entries <- entry
			return nil
		})
	}()
	return entries, ended
}

func next[T any](t *testing.T, from <-chan T) T {
	t.Helper()
	select {
	case got := <-from:
		return got
	case <-time.After(soon):
		t.Fatal("nothing came")
		panic("unreachable")
	}
}

func TestFollowingStreamsAndEndsWithItsContext(t *testing.T) {
	h := serve(t, &stub{})
	ctx, cancel := context.WithCancel(t.Context())
	entries, ended := h.follow(ctx)
	for seq := uint64(1); seq <= 3; seq++ { // each is read before the next is said
		h.says(event.Paused{By: "ana"})
		if entry := next(t, entries); entry.ID.Seq != seq {
			t.Fatalf("entry %d came as number %d", entry.ID.Seq, seq)
		}
	}
	cancel()
	if err := next(t, ended); !errors.Is(err, context.Canceled) {
		t.Errorf("Entries returned %v", err)
	}
	until(t, "the agent's side ends too", func() bool { return h.reading() == 0 })
}

// until waits for what no channel tells.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	ticker := time.NewTicker(time.Millisecond)
	defer ticker.Stop()
	for deadline := time.Now().Add(soon); !holds(); <-ticker.C {
		if time.Now().After(deadline) {
			t.Fatal("it never came to that: " + what)
		}
	}
}

func TestTheServerEndsWithItsContextAndItsStreamsWithIt(t *testing.T) {
	h := serve(t, &stub{logs: map[holdfast.ReplicaName]string{"catalog-1": "/nowhere"}})
	_, ended := h.follow(t.Context())
	logged := make(chan error, 1)
	go func() { logged <- h.Logs(t.Context(), "catalog-1", 1, true, io.Discard) }()
	until(t, "somebody follows", func() bool { return h.reading() == 1 })
	if err := h.end(); !errors.Is(err, context.Canceled) {
		t.Errorf("Serve returned %v", err)
	}
	next(t, ended)
	next(t, logged)
	if _, err := h.Client.Status(t.Context()); err == nil {
		t.Error("it answers after its end")
	}
}

// A stream that went on would not let the bubble end.
func TestAListenerThatFailsEndsTheServerAndItsStreams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		agent, line := &stub{}, newPipes()
		ended := make(chan error, 1)
		go func() { ended <- Serve(t.Context(), line, agent) }()
		client := line.client()
		defer client.Close()
		followed := make(chan error, 1)
		go func() {
			followed <- client.Entries(t.Context(), 0, true, func(event.Entry) error { return nil })
		}()
		synctest.Wait()
		line.Close()
		if err := <-ended; !errors.Is(err, net.ErrClosed) {
			t.Errorf("Serve returned %v", err)
		}
		if err := <-followed; err == nil {
			t.Error("the stream of a server that failed looks whole")
		}
	})
}

func TestNobodyThereIsNoProblemOfTheCall(t *testing.T) {
	var problem *Problem
	_, err := NewClient("/nowhere/api.sock").Status(t.Context())
	if err == nil || errors.As(err, &problem) || !strings.Contains(err.Error(), "/nowhere/api.sock") {
		t.Errorf("got %v", err)
	}
}

// asks writes a request on a connection of its own and reads nothing.
func asks(t *testing.T, p *pipes, path string) net.Conn {
	t.Helper()
	conn := p.dial()
	t.Cleanup(func() { conn.Close() })
	if _, err := io.WriteString(conn, "GET "+path+" HTTP/1.1\r\nHost: holdfast\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	return conn
}

func TestAReaderThatIsStuckIsCutAndBlocksNobody(t *testing.T) {
	for _, path := range []string{"/v0/events?follow=1", "/v0/events", "/v0/status", "/v0/events?after=x"} {
		t.Run(path, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				agent, line := &stub{}, newPipes()
				serving(t, line, agent)
				for range 1000 {
					agent.says(event.Paused{By: "ana"})
				}
				stuck := asks(t, line, path)
				client := line.client()
				defer client.Close()
				if _, err := client.Status(t.Context()); err != nil {
					t.Fatalf("while another is stuck: %v", err)
				}
				time.Sleep(writeWithin + time.Second)
				synctest.Wait()
				if n := agent.reading(); n != 0 {
					t.Errorf("%d still write to a reader that takes nothing", n)
				}
				if rest, err := io.ReadAll(stuck); err != nil || len(rest) > 0 {
					t.Errorf("after its time it still got %q, error %v", rest, err)
				}
			})
		})
	}
}

// A reader that takes an entry now and then is not stuck.
func TestAPatientReaderIsNotCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		agent, line := &stub{}, newPipes()
		serving(t, line, agent)
		client := line.client()
		defer client.Close()
		ctx, cancel := context.WithCancel(t.Context())
		heard, ended := 0, make(chan error, 1)
		go func() {
			ended <- client.Entries(ctx, 0, true, func(event.Entry) error { heard++; return nil })
		}()
		for want := 1; want <= 3; want++ {
			time.Sleep(10 * writeWithin)
			agent.says(event.Paused{By: strings.Repeat("ana", 10_000)}) // more than any buffer holds
			synctest.Wait()
			if heard != want {
				t.Fatalf("%d entries were heard of %d", heard, want)
			}
		}
		cancel()
		<-ended
	})
}
