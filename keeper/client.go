package keeper

import (
	"context"
	"fmt"
	"os"
	"sync"

	"holdfast"
	"holdfast/internal/unixsock"
)

var _ holdfast.Keeper = (*Client)(nil)

// A Client speaks with a keeper over its socket. All methods may be called
// concurrently. When the connection breaks, every call returns an error that
// is ErrLost, and the client stays lost: dial again.
type Client struct {
	writing sync.Mutex
	wire    *wire
	epoch   uint64        // that the keeper had seen
	lost    chan struct{} // closed by the reader at its end
	reader  sync.WaitGroup

	mu      sync.Mutex
	last    uint64                   // the last request's id
	waiting map[uint64]chan received // those that are still answered
}

// received is an answer with the sockets that came beside it.
type received struct {
	answer
	files []*os.File
}

// Dial connects to the keeper at a socket, under a name. A role that dials
// under its own must send a Beat at least once a second from then on. The
// agent gives the epoch it was granted; what it orders is refused with ErrFenced
// once a later one has been seen. Others give 0. ctx bounds the dialling only. The
// client must be closed.
func Dial(ctx context.Context, socket string, as RoleName, epoch uint64) (*Client, error) {
	conn, err := unixsock.Dial(ctx, socket)
	if err != nil {
		return nil, fmt.Errorf("reach the keeper: %w", err)
	}
	c := &Client{wire: newWire(conn), lost: make(chan struct{}), waiting: map[uint64]chan received{}}
	c.reader.Go(c.read)
	a, err := c.ask(ctx, request{Do: doHello, As: as, Pid: os.Getpid(), Epoch: epoch}, nil)
	if err != nil {
		c.Close()
		return nil, fmt.Errorf("reach the keeper: %w", err)
	}
	c.epoch = a.Epoch
	return c, nil
}

// Epoch is the highest epoch an agent had shown the keeper when this client
// dialled.
func (c *Client) Epoch() uint64 { return c.epoch }

// Close ends the connection. What the keeper was asked to run runs on.
func (c *Client) Close() error {
	err := c.wire.conn.Close()
	c.reader.Wait()
	return err
}

// Lost is closed when the connection has ended, by whichever side.
func (c *Client) Lost() <-chan struct{} { return c.lost }

// Start implements holdfast.Keeper. Beyond what the port says it is refused with
// ErrEnding while everything is being ended; an error that is no refusal says
// why the process could not be started.
func (c *Client) Start(ctx context.Context, spec holdfast.ProcessSpec) (holdfast.Process, error) {
	a, err := c.ask(ctx, request{Do: doStart, Spec: &spec}, nil)
	if err != nil {
		return holdfast.Process{}, err
	}
	if len(a.Processes) != 1 {
		return holdfast.Process{}, fmt.Errorf("start %s: an answer without the process", spec.ID)
	}
	return a.Processes[0], nil
}

// Signal implements holdfast.Keeper.
func (c *Client) Signal(ctx context.Context, id holdfast.ReplicaID, signal string) error {
	_, err := c.ask(ctx, request{Do: doSignal, Replica: &id, Signal: signal}, nil)
	return err
}

// Forget implements holdfast.Keeper. It is refused with ErrRunning while the
// incarnation is not gone; forgetting what is not known is no error.
func (c *Client) Forget(ctx context.Context, id holdfast.ReplicaID) error {
	_, err := c.ask(ctx, request{Do: doForget, Replica: &id}, nil)
	return err
}

// Follow implements holdfast.Keeper. A follower that falls 1024 changes behind
// loses the connection.
func (c *Client) Follow(ctx context.Context, emit func(holdfast.Process)) error {
	return c.stream(ctx, doFollow, func(r received) {
		for _, p := range r.Processes {
			emit(p)
		}
	})
}

// Listen tells the keeper the whole set of listeners that is wanted. It opens
// what is new, keeps what stands, closes what is not named, and answers with
// the addresses as they are, in the order asked. When an address cannot be
// taken (ErrAddressTaken, or the kernel's reason) nothing is changed.
func (c *Client) Listen(ctx context.Context, wanted []holdfast.Listener) ([]holdfast.Listener, error) {
	a, err := c.ask(ctx, request{Do: doListen, Listeners: wanted}, nil)
	return a.Listeners, err
}

// A Socket is a listening socket as a gateway serves it.
type Socket struct {
	Listener holdfast.Listener
	File     *os.File // for net.FileListener; the receiver closes it
}

// Sockets hands over the listening sockets, the whole set, now and whenever it
// changes, until ctx ends or the keeper is lost, in which case it returns an
// error. emit owns the files and must close every one, also of a socket it has
// already. With a keeper that has just begun the first set waits until it is
// known what the gateways still hold, 2 s at most.
func (c *Client) Sockets(ctx context.Context, emit func([]Socket)) error {
	set := []Socket{}
	return c.stream(ctx, doSockets, func(r received) {
		for i, l := range r.Listeners {
			set = append(set, Socket{Listener: l, File: r.files[i]})
		}
		if !r.More {
			emit(set)
			set = []Socket{}
		}
	})
}

// Return hands a gateway's listening sockets to a keeper that may have just
// begun and lack them. A gateway calls it after every Dial, before Sockets,
// with all it serves; what the keeper has already it ignores. The files stay
// the caller's.
func (c *Client) Return(ctx context.Context, all []Socket) error {
	for {
		part := all[:min(len(all), maxPerLine)]
		all = all[len(part):]
		r, fds := request{Do: doReturn, Sockets: len(part), More: len(all) > 0}, []int{}
		for _, s := range part {
			fd, err := duplicateOf(s.File)
			if err != nil {
				closeAll(fds)
				return fmt.Errorf("return %s: %w", s.Listener.Name, err)
			}
			r.Listeners, fds = append(r.Listeners, s.Listener), append(fds, fd)
		}
		_, err := c.ask(ctx, r, fds)
		closeAll(fds)
		if err != nil || len(all) == 0 {
			return err
		}
	}
}

// Roles tells how the roles fare.
func (c *Client) Roles(ctx context.Context) ([]RoleState, error) {
	a, err := c.ask(ctx, request{Do: doRoles}, nil)
	return a.Roles, err
}

// Beat says that the role which dialled is alive. It belongs into the loop that
// does the work, so that a stuck one falls silent. It takes no time, but when
// the keeper was stopped for minutes, up to 5 s, after which it is lost.
func (c *Client) Beat() error { return c.send(request{Do: doBeat}, nil) }

// End has the keeper end every process, the roles and itself: stop signals
// first, SIGKILL after each one's grace. It returns when nothing of it lives
// and the state directory is free for another keeper, or an error that says
// what could not be ended.
func (c *Client) End(ctx context.Context) error {
	_, err := c.ask(ctx, request{Do: doEnd}, nil)
	return err
}

// Hurry is End for a person who does not want to wait: nothing is given more
// than a second's grace. It may be asked for in the middle of an End.
func (c *Client) Hurry(ctx context.Context) error {
	_, err := c.ask(ctx, request{Do: doHurry}, nil)
	return err
}

// ask sends a request and waits for its one answer.
func (c *Client) ask(ctx context.Context, r request, fds []int) (answer, error) {
	answers := c.await(&r, 1)
	defer c.forgo(r.ID, answers)
	if err := c.send(r, fds); err != nil {
		return answer{}, err
	}
	got, err := c.next(ctx, answers)
	if err != nil {
		return answer{}, fmt.Errorf("%s: %w", r.Do, err)
	}
	return got.answer, got.err()
}

// stream sends a request and takes every answer to it until ctx ends.
func (c *Client) stream(ctx context.Context, do verb, take func(received)) error {
	r := request{Do: do}
	answers := c.await(&r, maxUnread)
	defer c.forgo(r.ID, answers)
	if err := c.send(r, nil); err != nil {
		return err
	}
	defer c.send(request{ID: r.ID, Do: doCease}, nil)
	for {
		got, err := c.next(ctx, answers)
		if err == nil {
			err = got.err()
		}
		if err != nil {
			return fmt.Errorf("%s: %w", do, err)
		}
		take(got)
	}
}

// next is the next answer, also when the connection broke after it.
func (c *Client) next(ctx context.Context, answers <-chan received) (received, error) {
	select {
	case got := <-answers:
		return got, nil
	case <-ctx.Done():
		return received{}, ctx.Err()
	case <-c.lost:
	}
	select {
	case got := <-answers:
		return got, nil
	default:
		return received{}, ErrLost
	}
}

// await gives a request its id and a place for its answers.
func (c *Client) await(r *request, room int) chan received {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last++
	r.ID = c.last
	answers := make(chan received, room)
	c.waiting[r.ID] = answers
	return answers
}

// forgo waits for no more answers and closes what came with those not taken.
func (c *Client) forgo(id uint64, answers <-chan received) {
	c.mu.Lock()
	delete(c.waiting, id)
	c.mu.Unlock()
	for {
		select {
		case got := <-answers:
			closeFiles(got.files)
		default:
			return
		}
	}
}

func (c *Client) send(r request, fds []int) error {
	line := lineOf(r)
	if len(line) > maxLine {
		return fmt.Errorf("%s: %d bytes are more than a request may have", r.Do, len(line))
	}
	c.writing.Lock()
	defer c.writing.Unlock()
	if err := c.wire.send(line, fds); err != nil {
		c.wire.conn.Close() // half a line may have been written
		return fmt.Errorf("%s: %w (%w)", r.Do, ErrLost, err)
	}
	return nil
}

// read hands every answer to who waits for it, until the connection ends.
func (c *Client) read() {
	defer close(c.lost)
	defer c.wire.close()
	for {
		var a answer
		if c.wire.receive(&a) != nil {
			return
		}
		fds, err := c.wire.take(a.Sockets)
		if err != nil || len(fds) != 0 && len(fds) != len(a.Listeners) {
			closeAll(fds)
			return
		}
		if !c.deliver(received{answer: a, files: filesOf(a.Listeners, fds)}) {
			return
		}
	}
}

// deliver never waits: an emit that is too slow costs the connection, and with
// the next one the whole state comes again.
func (c *Client) deliver(got received) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	answers := c.waiting[got.ID]
	if answers == nil {
		closeFiles(got.files)
		return true
	}
	select {
	case answers <- got:
		return true
	default:
		closeFiles(got.files)
		return false
	}
}

func filesOf(listeners []holdfast.Listener, fds []int) []*os.File {
	var files []*os.File
	for i, fd := range fds {
		files = append(files, os.NewFile(uintptr(fd), string(listeners[i].Name)))
	}
	return files
}

func closeFiles(files []*os.File) {
	for _, file := range files {
		file.Close()
	}
}
