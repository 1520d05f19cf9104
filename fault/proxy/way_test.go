package proxy

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"runtime"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"holdfast"
)

// echo says back what it hears, and its end after it.
func echo(conn *net.TCPConn) {
	if _, err := io.Copy(conn, conn); err == nil {
		conn.CloseWrite()
		io.Copy(io.Discard, conn)
	}
}

// numbers are bytes in which every loss and every change of order shows.
func numbers(size int) []byte {
	text := make([]byte, size)
	for i := range text {
		text[i] = byte(i ^ i>>8 ^ i>>16)
	}
	return text
}

// TestALagDelaysEveryPieceAndNotTheirSum: ten pieces at intervals, each late by
// as much both ways, in order, and the end behind them.
func TestALagDelaysEveryPieceAndNotTheirSum(t *testing.T) {
	const lag, jitter = 200 * time.Millisecond, 50 * time.Millisecond
	r := play(t, holdfast.TCP, echo)
	conn := r.dial()
	r.set(Rule{Kind: Lag, Delay: lag, Jitter: jitter})
	began := time.Now()
	sent := numbers(10 << 10)
	go func() {
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for rest := sent; len(rest) > 0; rest = rest[1<<10:] {
			conn.Write(rest[:1<<10])
			<-tick.C
		}
		conn.CloseWrite()
	}()
	first := make([]byte, 1)
	if _, err := io.ReadFull(conn, first); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took < 2*(lag-jitter) {
		t.Errorf("there and back in %v", took)
	}
	heard, err := io.ReadAll(conn)
	if err != nil || !bytes.Equal(append(first, heard...), sent) {
		t.Errorf("%d of %d bytes as they were sent, %v", 1+len(heard), len(sent), err)
	}
	if took := time.Since(began); took > 10*2*(lag-jitter) {
		t.Errorf("all of it took %v: pieces waited for each other", took)
	}
}

// TestWhatIsOnItsWayComesAtOnceWhenTheLagIsOver, and nothing of it is lost.
func TestWhatIsOnItsWayComesAtOnceWhenTheLagIsOver(t *testing.T) {
	r := newRig(t, well)
	conn, in := r.kept()
	r.set(Rule{Kind: Lag, Delay: time.Minute})
	io.WriteString(conn, get)
	until(t, "it is on its way", func() bool { return r.state().Rules[0].Bitten == 1 })
	r.clear(Lag)
	for range 3 {
		if status, body, err := ask(conn, in, ""); err != nil || status != 200 || body != "well" {
			t.Fatal(status, body, err)
		}
		io.WriteString(conn, get)
	}
}

// TestASlowWayHoldsBackWhoSends: what is on its way is bounded, in the proxy too.
func TestASlowWayHoldsBackWhoSends(t *testing.T) {
	var heard atomic.Int64
	r := play(t, holdfast.TCP, func(conn *net.TCPConn) {
		buffer := make([]byte, pieceSize)
		for {
			n, err := conn.Read(buffer)
			heard.Add(int64(n))
			if err != nil {
				return
			}
		}
	})
	conn := r.dial()
	r.set(Rule{Kind: Lag, Delay: time.Minute})
	conn.SetWriteBuffer(64 << 10)
	conn.SetWriteDeadline(time.Now().Add(time.Second))
	sent, err := io.Copy(conn, bytes.NewReader(numbers(64<<20)))
	if !isTimeout(err) || heard.Load() != 0 {
		t.Fatalf("%d bytes were taken in, %d came, %v", sent, heard.Load(), err)
	}
	if bitten := r.state().Rules[0].Bitten; bitten > wayBlocks {
		t.Errorf("%d pieces are on their way, want at most %d", bitten, wayBlocks)
	}
	r.clear(Lag)
	until(t, "all of it comes", func() bool { return heard.Load() == sent })
}

// TestALinkIsSharedByAllConnectionsOfAPath, each direction of its own.
func TestALinkIsSharedByAllConnectionsOfAPath(t *testing.T) {
	const rate, each, all = 40 << 10, 10 << 10, 3
	r := play(t, holdfast.TCP, echo)
	var conns []*net.TCPConn
	for range all {
		conns = append(conns, r.dial())
	}
	r.set(Rule{Kind: Throttle, Rate: rate})
	began := time.Now()
	for _, conn := range conns {
		conn.Write(numbers(each))
		conn.CloseWrite()
	}
	for _, conn := range conns {
		if heard, err := io.ReadAll(conn); err != nil || !bytes.Equal(heard, numbers(each)) {
			t.Errorf("%d bytes, %v", len(heard), err)
		}
	}
	least := time.Duration(float64(all*each-2*burst) / rate * float64(time.Second))
	if took := time.Since(began); took < least || took > 3*least {
		t.Errorf("%d bytes through a link of %d a second took %v, want %v or so", all*each, rate, took, least)
	}
	r.clear(Throttle)
	began = time.Now()
	conn := r.dial()
	conn.Write(numbers(16 * each))
	conn.CloseWrite()
	if heard, err := io.ReadAll(conn); err != nil || len(heard) != 16*each || time.Since(began) > time.Second {
		t.Errorf("after it: %d bytes in %v, %v", len(heard), time.Since(began), err)
	}
}

func TestANarrowLinkIsAsFastAsItSays(t *testing.T) {
	rule := &inForce{Rule: Rule{Kind: Throttle, Rate: 1000}}
	var l link
	now := time.Unix(1000, 0)
	took := func(bytes int) time.Duration { return l.take(rule, bytes, now).Round(time.Millisecond) }
	if wait := took(burst); wait > 0 {
		t.Errorf("an idle link lets its burst through at once, not after %v", wait)
	}
	if wait := took(500); wait != 500*time.Millisecond {
		t.Errorf("then 500 bytes take %v", wait)
	}
	now = now.Add(250 * time.Millisecond)
	if wait := took(500); wait != 750*time.Millisecond {
		t.Errorf("500 more, a quarter of a second later, take %v", wait)
	}
	now = now.Add(time.Hour)
	if wait := took(burst + 100); wait != 100*time.Millisecond {
		t.Errorf("a long idle time saves up no more than a burst: %v", wait)
	}
	rule = &inForce{Rule: Rule{Kind: Throttle, Rate: 10}}
	if wait := took(burst); wait > 0 {
		t.Errorf("another rule inherits the queue of the first: %v", wait)
	}
}

// TestASlowWayEndsWithItsConnection: a reset is not held up by what is on its
// way, and silence covers that as well.
func TestASlowWayEndsWithItsConnection(t *testing.T) {
	r := newRig(t, well)
	conn, _ := r.kept()
	r.set(Rule{Kind: Lag, Delay: time.Minute})
	io.WriteString(conn, get)
	until(t, "it is on its way", func() bool { return r.state().Rules[0].Bitten == 1 })
	r.set(Rule{Kind: Refuse})
	if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("it saw %v", err)
	}
	until(t, "nobody is left", func() bool { return r.state().Paths[0].Connections == 0 })
}

func TestSilenceHoldsWhatIsOnItsWay(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs Linux")
	}
	r := newRig(t, well)
	conn, in := r.kept()
	r.set(Rule{Kind: Lag, Delay: 100 * time.Millisecond})
	io.WriteString(conn, get)
	until(t, "it is on its way", func() bool { return r.state().Rules[0].Bitten > 0 })
	r.set(Rule{Kind: Silence})
	conn.SetReadDeadline(time.Now().Add(400 * time.Millisecond))
	if _, err := in.Peek(1); !isTimeout(err) {
		t.Errorf("it saw %v", err)
	}
	conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	r.clear(Silence)
	if status, _, err := ask(conn, in, ""); err != nil || status != 200 {
		t.Errorf("it does not go on: %d, %v", status, err)
	}
}

// TestHalfAnAnswerComesLateAndIsHalf: two rules at once.
func TestHalfAnAnswerComesLateAndIsHalf(t *testing.T) {
	r := newRig(t, well)
	r.set(Rule{Kind: Lag, Delay: 100 * time.Millisecond})
	r.set(Rule{Kind: Halve, Share: 1})
	began := time.Now()
	_, body, err := r.fresh("/", 5*time.Second)
	if !errors.Is(err, io.ErrUnexpectedEOF) || body != "we" || time.Since(began) < 200*time.Millisecond {
		t.Errorf("%q after %v, %v", body, time.Since(began), err)
	}
}

// TestAFlapGoesOnAndOffByItself, and begins with on.
func TestAFlapGoesOnAndOffByItself(t *testing.T) {
	const period = 400 * time.Millisecond
	r := newRig(t, well)
	r.set(Rule{Kind: Flap, Status: 500, Share: 1, Spare: "/health", Period: period, Duty: 0.5})
	began := time.Now()
	conn := r.dial()
	in := bufio.NewReader(conn)
	edges, last, counts := 0, 500, map[int]int{}
	for time.Since(began) < 9*period/4 {
		status, _, err := ask(conn, in, get)
		if err != nil {
			t.Fatal(err)
		}
		if counts[status]++; status != last {
			edges, last = edges+1, status
		}
	}
	if edges != 4 || counts[200] == 0 || counts[500] < counts[200]/2 {
		t.Errorf("%d edges in two periods and a quarter, want 4; answers: %v", edges, counts)
	}
	if status, _, err := r.fresh("/health", 5*time.Second); err != nil || status != 200 {
		t.Errorf("what was to be spared: %d, %v", status, err)
	}
	r.clear(Flap)
	until(t, "it is well and stays so", r.well)
}

// TestWhenAFlapTurns is that of a period of a second, of which it strikes 0.4.
func TestWhenAFlapTurns(t *testing.T) {
	began := time.Unix(1000, 0)
	rule := &inForce{Rule: Rule{Kind: Flap, Period: time.Second, Duty: 0.4}, began: began, until: began.Add(3 * time.Second)}
	for _, c := range []struct {
		at, due time.Duration
		on      bool
	}{
		{0, 400, true}, {399, 400, true}, {400, 1000, false}, {999, 1000, false}, {1000, 1400, true}, {2300, 2400, true}, {2500, 3000, false},
	} {
		at := began.Add(c.at * time.Millisecond)
		if on, due := rule.flapsOn(at), rule.due(at).Sub(began); on != c.on || due != c.due*time.Millisecond {
			t.Errorf("after %d ms: on %v until %v, want %v until %d ms", c.at, on, due, c.on, c.due)
		}
	}
}
