package proxy

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"golang.org/x/net/http2/hpack"
)

// HealthCall is what the health of a gRPC service is asked by; as what a rule
// spares it means the gateway's own calls, which say that they are checks.
const (
	HealthCall = "/grpc.health.v1.Health/Check"
	checker    = "holdfast-check"
	rpcType    = "application/grpc"
)

// streams follows a connection of HTTP/2 and gives each answer its fate. What the
// client says is passed on as it came, a frame at a time. Of what the replica
// says the heads are packed anew, so that one may be late, or left out, without
// the others becoming unreadable.
type streams struct {
	*conn

	mu    sync.Mutex // guards what follows, which both ways use
	asked map[uint32]*call

	in  sync.Mutex // one frame at a time goes to the replica
	out sync.Mutex // one answer's part at a time goes to the client; guards what follows
	// answers are those that have begun, and not ended.
	answers map[uint32]*stream
	cut     []uint32 // of them, those that we ended: what still comes of them is left out
	late    sync.WaitGroup
}

// A call is a request that went by and is not answered yet.
type call struct {
	request
	ended bool // all of it has gone by
}

// A stream is an answer under way.
type stream struct {
	fate fate
	rule *inForce
	call *call
	held []part // what came while it is late; nil where it is not
	over bool   // the client has all that it gets of it
}

// A part of an answer is a head, or another frame of its stream.
type part struct {
	head  *block
	frame frame
}

func (p part) ends() bool {
	if p.head != nil {
		return p.head.ends
	}
	return p.frame.endsStream() || p.frame.kind() == frameReset
}

func newStreams(c *conn) *streams {
	return &streams{conn: c, asked: map[uint32]*call{}, answers: map[uint32]*stream{}}
}

// forward passes on what the client says.
type forward struct {
	*streams
	begun  int // bytes of the preface that have come
	frames frames
	heads  *heads
}

// take passes a piece on; false when the connection is over.
func (f *forward) take(piece []byte) bool {
	if f.opaque.Load() {
		return f.forth.send(piece)
	}
	head := piece[:min(len(piece), len(preface)-f.begun)]
	if string(head) != preface[f.begun:f.begun+len(head)] {
		f.opaque.Store(true)
		return f.forth.send(piece)
	}
	f.begun += len(head)
	if len(head) > 0 && !f.forth.send(head) {
		return false
	}
	all, err := f.frames.take(piece[len(head):])
	for _, one := range all {
		f.note(one)
		if !f.tellReplica(one) {
			return false
		}
	}
	if err != nil {
		f.opaque.Store(true)
		return f.forth.send(f.frames.held)
	}
	return true
}

func (s *streams) tellReplica(text []byte) bool {
	s.in.Lock()
	defer s.in.Unlock()
	return s.forth.send(text)
}

// note takes down what is asked, before it is passed on. Heads that cannot be read
// are none of ours to refuse: from there on nothing is noted.
func (f *forward) note(one frame) {
	id := one.stream()
	switch {
	case one.isPart() && f.heads != nil:
		whole, err := f.heads.take(one)
		if err != nil {
			f.heads = nil
		} else if whole {
			f.ask(f.heads.now)
		}
	case one.kind() == frameReset:
		f.leave(id)
	case one.endsStream():
		f.mu.Lock()
		if c := f.asked[id]; c != nil {
			c.ended = true
		}
		f.mu.Unlock()
	}
}

// leave is for a stream that its client has given up.
func (s *streams) leave(id uint32) {
	s.mu.Lock()
	delete(s.asked, id)
	s.mu.Unlock()
	s.out.Lock()
	defer s.out.Unlock()
	if s.answers[id] != nil {
		s.forget(id)
	}
}

func (s *streams) ask(head block) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.asked[head.stream]; c != nil { // a trailer
		c.ended = c.ended || head.ends
		return
	}
	if len(s.asked) < maxPending {
		s.asked[head.stream] = &call{request: readCall(head), ended: head.ends}
	}
}

// backward passes on what the replica says.
type backward struct {
	*streams
	frames frames
	heads  *heads
	read   bool // a head was packed anew: what cannot be read cannot be passed on any more
}

// take passes a piece on; false when the connection is over.
func (b *backward) take(piece []byte) bool {
	if b.opaque.Load() && !b.read {
		return b.say(piece)
	}
	all, err := b.frames.take(piece)
	for i, one := range all {
		if one.kind() == framePromise {
			err = errPromised
		}
		ok := true
		if err == nil {
			ok, err = b.passOn(one)
		}
		if err != nil {
			return b.giveUp(slices.Concat(slices.Concat(all[i:]...), b.frames.held))
		}
		if !ok {
			return false
		}
	}
	return err == nil || b.giveUp(b.frames.held)
}

// giveUp stops reading: what speaks otherwise, or nonsense, from the beginning is
// passed on as it comes. Later that would mean something else to the client.
func (b *backward) giveUp(rest []byte) bool {
	if b.read {
		b.path.proxy.say("the answers of %s cannot be read as HTTP/2 any more: a connection is reset", b.path.ID)
		b.reset()
		return false
	}
	b.opaque.Store(true)
	return b.say(rest)
}

func (b *backward) passOn(one frame) (bool, error) {
	id := one.stream()
	switch {
	case one.isPart():
		whole, err := b.heads.take(one)
		if err != nil || !whole {
			return err == nil, err
		}
		b.read = true
		head := b.heads.now
		return b.give(id, part{head: &head}), nil
	case id == 0 || one.kind() != frameData && one.kind() != frameReset:
		return b.tellClient(one), nil
	default:
		return b.give(id, part{frame: one}), nil
	}
}

func (s *streams) tellClient(text []byte) bool {
	s.out.Lock()
	defer s.out.Unlock()
	return s.say(text)
}

// give passes on a part of an answer, or what takes its place, at its time.
func (s *streams) give(id uint32, p part) bool {
	s.out.Lock()
	defer s.out.Unlock()
	r := s.answers[id]
	if r == nil {
		if r = s.begin(id); r == nil {
			return s.say(p.spell()) // it answers nothing that we saw asked
		}
		if r.held == nil && !s.draw(r) {
			return false
		}
	}
	if r.held != nil {
		p.frame = slices.Clone(p.frame)
		r.held = append(r.held, p)
		return true
	}
	return s.part(id, r, p)
}

// begin finds out what an answer is to, nil when that is unknown, and lets it be
// late.
func (s *streams) begin(id uint32) *stream {
	s.mu.Lock()
	asked := s.asked[id]
	delete(s.asked, id)
	s.mu.Unlock()
	if asked == nil {
		return nil
	}
	r := &stream{call: asked}
	s.answers[id] = r
	if delay := s.path.posture.Load().delay; delay.strikes(asked.target) {
		delay.bitten.Add(1)
		r.held = []part{}
		length := delay.late()
		s.late.Go(func() { s.release(id, r, delay, length) })
	}
	return r
}

// release passes on an answer that was late.
func (s *streams) release(id uint32, r *stream, rule *inForce, length time.Duration) {
	if !s.wait(rule, length) {
		return
	}
	s.out.Lock()
	defer s.out.Unlock()
	held := r.held
	r.held = nil
	if !s.draw(r) {
		return
	}
	for _, p := range held {
		if !s.part(id, r, p) {
			return
		}
	}
}

// draw decides an answer's fate; false when the connection is over.
func (s *streams) draw(r *stream) bool {
	now := s.path.posture.Load()
	switch {
	case now.reset.strikes(r.call.target):
		now.reset.bitten.Add(1)
		s.reset()
		return false
	case now.halve.strikes(r.call.target):
		r.fate, r.rule = halved, now.halve
	case now.status.strikes(r.call.target):
		r.fate, r.rule = replaced, now.status
	}
	return true
}

// part gives one part of an answer that is not late its fate.
func (s *streams) part(id uint32, r *stream, p part) bool {
	if p.ends() {
		delete(s.answers, id)
	}
	switch {
	case r.over:
		return s.swallow(p)
	case r.fate == whole, p.head != nil && p.head.interim(), p.head == nil && p.frame.kind() == frameReset:
		return s.say(p.spell())
	case r.fate == replaced:
		return s.replace(id, r, p)
	default:
		return s.halve(id, r, p)
	}
}

func (p part) spell() []byte {
	if p.head != nil {
		return p.head.spell()
	}
	return p.frame
}

// replace says a failure in an answer's place.
func (s *streams) replace(id uint32, r *stream, p part) bool {
	r.rule.bitten.Add(1)
	answer := bareReply(id, r.rule.Status, r.call.request)
	return s.cutShort(id, r, p, answer, noError)
}

// halve passes on half of an answer: half of its first piece, where there is one.
func (s *streams) halve(id uint32, r *stream, p part) bool {
	if p.head != nil && !p.head.ends && p.head.get(":status") != "" {
		return s.say(p.spell())
	}
	r.rule.bitten.Add(1)
	var half []byte
	if p.head == nil {
		text, _ := p.frame.bare()
		half = newFrame(frameData, 0, id, text[:len(text)/2])
	}
	return s.cutShort(id, r, p, half, internalError)
}

// cutShort ends an answer by words of ours. A client that has said all needs no
// more than their end; the replica is told that nobody waits for the rest.
func (s *streams) cutShort(id uint32, r *stream, p part, words []byte, code uint32) bool {
	r.over = true
	s.forget(id)
	s.mu.Lock()
	ended := r.call.ended
	s.mu.Unlock()
	if code != noError || !ended {
		words = append(words, resetFrame(id, code)...)
	}
	if !s.say(words) {
		return false
	}
	return s.swallow(p) && (p.ends() || s.tellReplica(resetFrame(id, cancelled)))
}

// forget bounds how many answers that we ended are remembered: who is told that
// nobody waits may say nothing more of them. The client heeds nothing of a stream
// that is over.
func (s *streams) forget(id uint32) {
	if s.cut = append(s.cut, id); len(s.cut) > maxPending {
		delete(s.answers, s.cut[0])
		s.cut = s.cut[1:]
	}
}

// swallow leaves out a part of an answer. What it took of the connection's window
// the client does not know of: it is given back in its place.
func (s *streams) swallow(p part) bool {
	if p.head != nil || p.frame.kind() != frameData || len(p.frame.payload()) == 0 {
		return true
	}
	return s.tellReplica(newFrame(frameWindow, 0, 0, size4(len(p.frame.payload()))))
}

// settle waits for all that is late.
func (s *streams) settle() { s.late.Wait() }

// bareReply is an answer that says its failure and who made it: of a call its
// status alone, of a request an answer as in HTTP/1.1.
func bareReply(id uint32, status int, to request) []byte {
	text := fmt.Sprintf("%d %s (injected)", status, http.StatusText(status))
	fields := map[string]string{":status": strconv.Itoa(status), "content-type": "text/plain", "content-length": strconv.Itoa(len(text) + 1)}
	if to.rpc {
		fields = map[string]string{":status": "200", "content-type": rpcType, "grpc-status": rpcStatus(status), "grpc-message": text}
	}
	head := block{stream: id, ends: to.rpc || to.method == http.MethodHead}
	for _, name := range slices.Sorted(maps.Keys(fields)) { // what begins with a colon comes first
		head.fields = append(head.fields, hpack.HeaderField{Name: name, Value: fields[name]})
	}
	if head.ends {
		return head.spell()
	}
	return append(head.spell(), newFrame(frameData, flagEndStream, id, []byte(text+"\n"))...)
}

// rpcStatus is a status of HTTP as a service of gRPC says it that fails so.
func rpcStatus(status int) string {
	switch status {
	case http.StatusInternalServerError:
		return "13" // INTERNAL
	case http.StatusGatewayTimeout:
		return "4" // DEADLINE_EXCEEDED
	default:
		return "14" // UNAVAILABLE
	}
}
