package gateway

import (
	"context"
	"crypto/tls"
	"log"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"holdfast"
)

// Bounds of the client's side. There is no bound on writing an answer: streams
// live as long as their client does.
const (
	headerTime     = 10 * time.Second // for a client to send a request's header
	idleTime       = 75 * time.Second // between two requests of one connection
	goAwayTime     = 2 * time.Second  // for a client over HTTP/2 to hear that its connection ends; net/http closes it a second after
	maxHeaderBytes = 64 << 10
)

// A Socket is a listening socket to serve, with the name routes know it by.
type Socket struct {
	Listener holdfast.Listener
	Socket   net.Listener
}

// A door is a socket being served. As a net.Listener it lets HTTP connections
// through to net/http and takes those of TCP services aside.
type door struct {
	net.Listener
	listener holdfast.Listener
	gateway  *Gateway
	server   *http.Server
	tally    *tally        // of what meets no route
	room     chan struct{} // a place for each connection that may be open
	told     time.Time     // when it was last said that there is none; of the accepting goroutine
	leaving  atomic.Bool   // every answer asks its client to go
	full     atomic.Bool   // a connection waits for a place
	rest     *rest
}

// Sockets says which sockets to serve: the whole set. What is served under the
// same name and address already is kept, and the new descriptor closed; what is
// not named any more stops accepting and finishes what it has within 5 s, or as
// long as replicas drain. The gateway owns the sockets it is given. It may be
// called before Run and while it runs.
func (g *Gateway) Sockets(set []Socket) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.departure.going.Load() {
		for _, socket := range set {
			socket.Socket.Close()
		}
		return
	}
	wanted := map[holdfast.ListenerName]bool{}
	for _, socket := range set {
		wanted[socket.Listener.Name] = true
		old := g.doors[socket.Listener.Name]
		if old != nil && old.listener == socket.Listener {
			if old.Listener != socket.Socket {
				socket.Socket.Close()
			}
			continue
		}
		if old != nil {
			g.shut(old, drainTime)
		}
		d := g.newDoor(socket)
		g.doors[d.listener.Name] = d
		g.open(d)
	}
	for name, d := range g.doors {
		if !wanted[name] {
			delete(g.doors, name)
			g.shut(d, drainTime)
		}
	}
}

func (g *Gateway) newDoor(socket Socket) *door {
	d := &door{
		Listener: socket.Socket,
		listener: socket.Listener,
		gateway:  g,
		tally:    g.tally(holdfast.RouteEntry{Listener: socket.Listener.Name}),
		room:     make(chan struct{}, g.places),
	}
	d.rest = newRest(d)
	handler := http.Handler(d)
	if d.listener.Name == holdfast.MetricsListener {
		handler = d.dismissing(g.metrics())
	}
	d.server = &http.Server{
		Handler:                      handler,
		ReadHeaderTimeout:            headerTime,
		IdleTimeout:                  idleTime,
		MaxHeaderBytes:               maxHeaderBytes,
		ConnState:                    d.watch,
		ConnContext:                  lift,
		Protocols:                    protocols(),
		HTTP2:                        frontHTTP2(),
		DisableGeneralOptionsHandler: true, // "OPTIONS *" is for the replica to answer
		ErrorLog:                     log.New(g.log, "gateway: "+string(d.listener.Name)+": ", 0),
	}
	return d
}

// dismissing asks clients of what is not ServeHTTP to go, too: one that asks every
// few seconds would hold the door, and be told what the gateway believed that has
// been replaced.
func (d *door) dismissing(of http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if d.leaving.Load() {
			w.Header().Set("Connection", "close")
		}
		of.ServeHTTP(w, r)
	})
}

// open begins to serve a door, if the gateway runs. The caller holds mu.
func (g *Gateway) open(d *door) {
	if w := g.work; w != nil {
		w.group.Go(func() { d.server.Serve(d) })
		w.group.Go(func() { d.server.Serve(d.rest) })
	}
}

// shut ends a door without waiting for it here. Its requests have a time to end,
// and that of replicas that leave with it: what a replica is still let to answer
// must have a way to its client. The caller holds mu.
func (g *Gateway) shut(d *door, within time.Duration) {
	w := g.work
	if w == nil {
		d.Listener.Close()
		return
	}
	w.group.Go(func() {
		d.dismiss()
		until := time.Now().Add(within)
		d.empty(w.ctx, func() bool { return time.Now().Before(until) || g.isDraining() })
		bounded, cancel := context.WithTimeout(w.ctx, goAwayTime)
		defer cancel()
		d.close(bounded)
	})
}

// close stops accepting at once, lets requests finish until ctx ends, then cuts
// them off.
func (d *door) close(ctx context.Context) {
	d.Listener.Close()
	if d.server.Shutdown(ctx) != nil {
		d.server.Close()
	}
}

// Accept gives net/http the next connection that is for it.
func (d *door) Accept() (net.Conn, error) {
	for {
		d.enter()
		c, err := d.Listener.Accept()
		if err != nil {
			d.leave()
			return nil, err
		}
		r := d.gateway.route(d.listener.Name)
		if r == nil || r.protocol != holdfast.TCP {
			return d.disguise(c), nil
		}
		if !d.gateway.flights.enter() {
			c.Close()
			d.leave()
			continue
		}
		// Not of Run's group but of flights, which drain waits for: there may be
		// thousands, and each is cut off by name.
		go func() {
			defer d.gateway.flights.leave()
			defer d.leave()
			d.carry(r, c)
		}()
	}
}

// disguise speaks TLS on a connection where the table says so, and sifts what
// comes. The handshake is waited for by who reads first.
func (d *door) disguise(c net.Conn) net.Conn {
	g := d.gateway
	s := g.routing.Load().secured[d.listener.Name]
	if s == nil {
		return d.sift(c)
	}
	v := &veil{Conn: tls.Server(c, s.tls), log: g.log, name: string(d.listener.Name)}
	sifted := newSieve(v, &g.bounds.heads)
	sifted.veil, sifted.at = v, atFirst
	return sifted
}

// sift sifts clear text, which goes to rest when it waits.
func (d *door) sift(c net.Conn) *sieve {
	s := newSieve(c, &d.gateway.bounds.heads)
	s.rest = d.rest
	return s
}

// ServeHTTP answers one request.
func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g := d.gateway
	if !g.flights.enter() {
		w.Header().Set("Connection", "close")
		complain(w, http.StatusServiceUnavailable, "ending", "this gateway is ending")
		return
	}
	defer g.flights.leave()
	if d.leaving.Load() {
		w.Header().Set("Connection", "close") // over HTTP/2 this is GOAWAY
	}
	r.TLS = agreed(r.Context())
	to, missed := g.match(d.listener.Name, r)
	x := &exchange{gateway: g, tally: d.tally, w: w, r: r, account: newAccount(r)}
	if to != nil {
		x.tally = to.tally
	}
	x.tally.requests.Add(1)
	defer x.count()
	defer func() {
		if x.hijacked {
			d.leave() // a stream keeps its place until it ends
		}
	}()
	if x.fits(d.listener.Name) {
		x.serve(to, missed, d.listener.Name)
	}
}
