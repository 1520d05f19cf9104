package gateway

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"holdfast"
)

// A keptConn is a client's connection on which requests follow each other.
type keptConn struct {
	net.Conn
	t  *testing.T
	in *bufio.Reader
}

func (r *rig) keep() keptConn {
	r.t.Helper()
	c, err := net.Dial("tcp", r.published)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(patience))
	return keptConn{Conn: c, t: r.t.(*testing.T), in: bufio.NewReader(c)}
}

// asks sends a request, or what is left of one, and wants it answered by "1".
func (k keptConn) asks(text string) {
	k.t.Helper()
	io.WriteString(k, text)
	response, err := http.ReadResponse(k.in, nil)
	if err != nil {
		k.t.Fatalf("%q: %v", text, err)
	}
	if body, err := io.ReadAll(response.Body); response.StatusCode != http.StatusOK || string(body) != "1" || err != nil {
		k.t.Fatalf("%q: %s %q %v", text, response.Status, body, err)
	}
}

// untilRests waits until so many connections of the published door are at rest.
func (r *rig) untilRests(n int) *rest {
	r.t.Helper()
	r.gateway.mu.Lock()
	resting := r.gateway.doors["catalog:80"].rest
	r.gateway.mu.Unlock()
	r.until("connections are at rest", func(holdfast.GatewayState) bool {
		resting.mu.Lock()
		defer resting.mu.Unlock()
		return resting.all.Len() == n
	})
	return resting
}

const (
	aGet  = "GET / HTTP/1.1\r\nHost: shop\r\n\r\n"
	aPost = "POST / HTTP/1.1\r\nHost: shop\r\nContent-Length: 4\r\n\r\nsome"
)

func TestWhoWaitsLongBetweenTwoRequestsIsPutToRestAndServedAgain(t *testing.T) {
	t.Parallel() // each waits for restTime
	r := newRig(t, tableOf(1, newReplica(t, 1, named("1"))))
	r.untilAdmitted(1)
	all := []keptConn{r.keep(), r.keep(), r.keep()}
	for _, k := range all {
		k.asks(aPost)
	}
	r.untilRests(len(all))
	all[0].asks(aPost)
	all[1].asks(aGet + aGet)
	all[1].asks("") // the second of them
	io.WriteString(all[2], aGet[:1])
	all[2].asks(aGet[1:])
	all[0].asks(aGet)
	r.untilRests(len(all))
	r.end()
	for _, k := range all {
		if _, err := k.in.ReadByte(); err != io.EOF {
			t.Errorf("after the gateway's end: %v", err)
		}
	}
}

// Two bytes do not make a request, but are no rest either.
func TestABegunRequestIsNotPutToRest(t *testing.T) {
	t.Parallel() // each waits for restTime
	r := newRig(t, tableOf(1, newReplica(t, 1, named("1"))))
	r.untilAdmitted(1)
	begun, idle := r.keep(), r.keep()
	begun.asks(aGet)
	io.WriteString(begun, aGet[:2])
	idle.asks(aGet)
	r.untilRests(1) // whoever came later, so it is the other's time, too
	begun.asks(aGet[2:])
	idle.asks(aGet)
}

func TestWhatIsRefusedIsSoAfterARest(t *testing.T) {
	t.Parallel() // each waits for restTime
	r := newRig(t, tableOf(1, newReplica(t, 1, named("1"))))
	r.untilAdmitted(1)
	k := r.keep()
	k.asks(aGet)
	r.untilRests(1)
	io.WriteString(k, strings.Replace(aPost, "\r\n\r\n", "\r\nTransfer-Encoding: chunked\r\n\r\n", 1))
	if response, err := http.ReadResponse(k.in, nil); err != nil || response.StatusCode != http.StatusBadRequest {
		t.Errorf("%+v %v", response, err)
	}
}

// The last place is that of whoever accepts.
func TestWhoRestedLongestMakesRoom(t *testing.T) {
	t.Parallel() // each waits for restTime
	r := newNarrowRig(t, 3, tableOf(1, newReplica(t, 1, named("1"))))
	r.untilAdmitted(1)
	first := r.keep()
	first.asks(aGet)
	r.untilRests(1)
	second := r.keep()
	second.asks(aGet)
	r.untilRests(2)
	third := r.keep()
	third.asks(aGet)
	if _, err := first.in.ReadByte(); err != io.EOF {
		t.Errorf("who had rested longest: %v", err)
	}
	second.asks(aGet)
}

func TestARestEndsWithTheTimeBetweenTwoRequests(t *testing.T) {
	ours, theirs := net.Pipe()
	d := &door{gateway: &Gateway{}, room: make(chan struct{}, 1)}
	d.enter()
	r := newRest(d)
	if !r.enter(ours, time.Now().Add(time.Millisecond)) {
		t.Fatal("it was not put to rest")
	}
	if _, err := theirs.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("%v", err)
	}
	r.Close()
	if len(d.room) != 0 {
		t.Error("it still has its place")
	}
	if r.enter(ours, time.Now()) {
		t.Error("it took one in after its end")
	}
}

func TestAFullDoorPutsNobodyToRest(t *testing.T) {
	d := &door{}
	d.full.Store(true)
	ours, theirs := net.Pipe()
	defer ours.Close()
	defer theirs.Close()
	if newRest(d).enter(ours, time.Now().Add(time.Minute)) {
		t.Error("it did")
	}
}

// What is given back is counted, not looked at: a heap is never quite as one left it.
func TestMemoryIsGivenBackOncePerWave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &door{gateway: &Gateway{}, room: make(chan struct{}, 4*wave)}
		r := newRest(d)
		come := func(n int) {
			for range n {
				ours, theirs := net.Pipe()
				t.Cleanup(func() { theirs.Close() })
				d.enter()
				if !r.enter(ours, time.Now().Add(time.Minute)) {
					t.Fatal("it was not put to rest")
				}
			}
		}
		wants := func(sweeping bool, came int) {
			t.Helper()
			synctest.Wait()
			r.mu.Lock()
			defer r.mu.Unlock()
			if r.sweeping != sweeping || r.came != came {
				t.Errorf("sweeping %v after %d, want %v after %d", r.sweeping, r.came, sweeping, came)
			}
		}
		come(wave - 1)
		wants(false, wave-1)
		come(1)
		wants(true, wave)
		come(wave)
		<-time.After(waveTime)
		wants(true, 2*wave) // another came meanwhile, and a third may
		<-time.After(waveTime)
		wants(true, 0)
		come(wave - 1)
		<-time.After(sweepEvery)
		wants(false, wave-1)
		r.Close()
		if len(d.room) != 0 {
			t.Errorf("%d still have their places", len(d.room))
		}
	})
}
