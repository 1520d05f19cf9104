package keeper

import (
	"errors"
	"net"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"holdfast"
)

func listen(t *testing.T, c *Client, wanted ...holdfast.Listener) []holdfast.Listener {
	t.Helper()
	got, err := c.Listen(t.Context(), wanted)
	if err != nil {
		t.Fatal(err)
	}
	for i := range wanted {
		if got[i].Name != wanted[i].Name || strings.HasSuffix(got[i].Address, ":0") {
			t.Fatalf("asked for %v, got %v", wanted, got)
		}
	}
	return got
}

func anyPort(name holdfast.ListenerName) holdfast.Listener {
	return holdfast.Listener{Name: name, Address: "127.0.0.1:0"}
}

func refuses(address string) bool {
	conn, err := net.Dial("tcp", address)
	if err == nil {
		conn.Close()
	}
	return errors.Is(err, syscall.ECONNREFUSED)
}

func TestListenersAreTheWholeSetThatIsWanted(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	c := h.begin()
	first := listen(t, c, anyPort("shop:80"), anyPort("shop/catalog"))
	again := listen(t, c, anyPort("shop/catalog"), anyPort("shop:80"), anyPort("shop/cart"))
	if again[0] != first[1] || again[1] != first[0] {
		t.Errorf("what stood moved: %v, then %v", first, again)
	}
	// An address that a file gives another name keeps its socket.
	renamed := listen(t, c, holdfast.Listener{Name: "web:80", Address: first[0].Address})
	if renamed[0].Address != first[0].Address || refuses(first[0].Address) {
		t.Errorf("renamed to %v, was %v", renamed, first[0])
	}
	eventually(t, "what is not named is closed", func() bool { return refuses(first[1].Address) && refuses(again[2].Address) })
}

func TestATakenAddressIsAnErrorAndChangesNothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	c := h.begin()
	first := listen(t, c, anyPort("shop:80"))
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	_, err = c.Listen(t.Context(), []holdfast.Listener{anyPort("shop/cart"), {Name: "shop:81", Address: taken.Addr().String()}})
	wantRefusal(t, err, ErrAddressTaken)
	if err == nil || !strings.Contains(err.Error(), taken.Addr().String()) {
		t.Errorf("%v does not name the address %s", err, taken.Addr())
	}
	if refuses(first[0].Address) {
		t.Error("a refused Listen closed what stood")
	}
	if again := listen(t, c, anyPort("shop:80")); again[0] != first[0] {
		t.Errorf("a refused Listen moved %v to %v", first[0], again[0])
	}
	for _, wrong := range [][]holdfast.Listener{
		{anyPort("a"), anyPort("a")},
		{{Name: "a", Address: "nowhere"}},
	} {
		if got, err := c.Listen(t.Context(), wrong); err == nil {
			t.Errorf("listen on %v: got %v, want an error", wrong, got)
		}
	}
}

func TestAKilledGatewayRefusesNobody(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "gateway")
	c := h.begin()
	address := listen(t, c, anyPort("shop:80"))[0].Address
	first := served(t, address)
	if state := roleState(t, c, "gateway"); state.Pid != first {
		t.Errorf("%d answers, the gateway is %d", first, state.Pid)
	}
	if err := syscall.Kill(first, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "its end", func() bool { return !alive(first) })
	for range 20 { // some of them before there is another gateway
		if pid := served(t, address); pid == first {
			t.Errorf("%d answers after its death", pid)
		}
	}
	// A set that changes reaches the gateway that runs.
	later := listen(t, c, anyPort("shop:80"), anyPort("shop/catalog"))
	if later[0].Address != address || served(t, later[1].Address) != served(t, address) {
		t.Errorf("the new set %v is not served as the old one", later)
	}
	listen(t, c, anyPort("shop:80"))
	eventually(t, "what is not named is refused", func() bool { return refuses(later[1].Address) })
}

func TestManySocketsComeInOneSet(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	c := h.begin()
	var wanted []holdfast.Listener
	for i := range 2*maxPerLine + 5 {
		wanted = append(wanted, anyPort(holdfast.ListenerName(strings.Repeat("x", i+1))))
	}
	got := listen(t, c, wanted...)
	sets := make(chan []Socket, 1)
	done := make(chan error, 1)
	go func() { done <- c.Sockets(t.Context(), func(set []Socket) { sets <- set }) }()
	select {
	case set := <-sets:
		var listeners []holdfast.Listener
		for _, s := range set {
			listeners = append(listeners, s.Listener)
			if at := addressOfFile(t, s); at != s.Listener.Address {
				t.Errorf("%s came with the socket of %s", s.Listener.Address, at)
			}
			s.File.Close()
		}
		if !slices.Equal(listeners, got) {
			t.Errorf("%d came, want %d in the same order", len(listeners), len(got))
		}
	case err := <-done:
		t.Fatal(err)
	}
}

func addressOfFile(t *testing.T, s Socket) string {
	t.Helper()
	listener, err := net.FileListener(s.File)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

func TestSocketsComeBackFromTheGateway(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "agent", "gateway")
	c := h.begin()
	listeners := listen(t, c, anyPort("shop:80"), anyPort("shop/catalog"))
	gateway, agent := served(t, listeners[0].Address), roleState(t, c, Agent)
	h.kill()
	for range 10 {
		if pid := served(t, listeners[0].Address); pid != gateway {
			t.Fatalf("without a keeper %d answers, want %d", pid, gateway)
		}
	}
	c = h.begin()
	if got := listen(t, c, anyPort("shop:80"), anyPort("shop/catalog")); !slices.Equal(got, listeners) {
		t.Errorf("after the keeper's death %v, before %v", got, listeners)
	}
	if state := roleState(t, c, "gateway"); state.Pid != gateway || state.Restarts != 0 {
		t.Errorf("the gateway is %+v, want pid %d kept", state, gateway)
	}
	eventually(t, "a fresh agent", func() bool {
		now := roleState(t, c, Agent)
		return now.Pid != 0 && now.Pid != agent.Pid && !alive(agent.Pid)
	})
	// The socket is really here again: it outlives the gateway.
	syscall.Kill(gateway, syscall.SIGKILL)
	eventually(t, "its end", func() bool { return !alive(gateway) })
	if pid := served(t, listeners[0].Address); pid == gateway {
		t.Error("the dead answer")
	}
}

func TestAGatewayThatDoesNotReturnIsReplacedOnTheSameAddresses(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "mute-gateway")
	c := h.begin()
	listeners := listen(t, c, anyPort("shop:80"), anyPort("shop/catalog"))
	gateway := served(t, listeners[1].Address)
	h.kill()
	began := time.Now()
	c = h.begin()
	if got := listen(t, c, anyPort("shop:80"), anyPort("shop/catalog")); !slices.Equal(got, listeners) {
		t.Errorf("after the keeper's death %v, before %v", got, listeners)
	}
	if pid := served(t, listeners[1].Address); pid == gateway {
		t.Error("a gateway that kept the sockets to itself was kept")
	}
	t.Logf("served again after %s", time.Since(began).Round(10*time.Millisecond))
}

func TestAddressesOutliveKeeperAndGateway(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "gateway")
	c := h.begin()
	listeners := listen(t, c, anyPort("shop/catalog"))
	gateway := served(t, listeners[0].Address)
	h.kill()
	syscall.Kill(gateway, syscall.SIGKILL)
	eventually(t, "its end", func() bool { return !alive(gateway) })
	c = h.begin()
	served(t, listeners[0].Address) // before anybody asked
	if got := listen(t, c, anyPort("shop/catalog")); !slices.Equal(got, listeners) {
		t.Errorf("after both deaths %v, before %v", got, listeners)
	}
}
