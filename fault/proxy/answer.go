package proxy

import (
	"fmt"
	"net/http"
)

// A fate is what becomes of an answer.
type fate uint8

const (
	whole    fate = iota // passed on as it comes
	replaced             // a bare status in its place
	halved               // cut in the middle
)

// swallowed is the longest rest of a replaced answer that is read to keep the
// connection. Beyond it closing is cheaper.
const swallowed = 1 << 20 // bytes

// answers follows what a replica sends on one connection and gives each answer
// its fate. A fate is drawn once per request, when the first byte comes, its
// interim answers included.
type answers struct {
	*conn
	scan   scanner
	drawn  bool
	fate   fate
	rule   *inForce
	budget int64 // halved: bytes of the body that may still pass; below 0 where its length is not known
}

// take passes a piece on. It returns false when the connection is over.
func (a *answers) take(piece []byte) bool {
	for len(piece) > 0 {
		if a.scan.stage == start && a.opaque.Load() {
			return a.raw(piece)
		}
		if a.scan.stage == start && !a.drawn && !a.draw() {
			return false
		}
		was := a.scan.stage
		n, headed, ended, err := a.scan.next(piece)
		part := piece[:n]
		piece = piece[n:]
		var ok bool
		switch {
		case err != nil:
			return a.giveUp(part, piece, was <= inHead)
		case headed:
			ok = a.headed(part)
		case was <= inHead:
			ok = a.fate != whole || a.say(part)
		default:
			ok = a.inBody(part, was, ended)
		}
		if !ok {
			return false
		}
	}
	return true
}

// raw passes on what is not HTTP. Whatever comes after the client said
// something is an answer, and its fate is that of the part at hand.
func (a *answers) raw(piece []byte) bool {
	if !a.asked.Swap(false) {
		return a.say(piece)
	}
	if !a.drawn && !a.draw() {
		return false
	}
	a.drawn = false
	if a.fate == halved {
		a.rule.bitten.Add(1)
		return a.say(piece[:len(piece)/2]) && a.cut(true)
	}
	return a.say(piece)
}

// giveUp stops reading a connection and passes on all that was held back of it.
func (a *answers) giveUp(part, rest []byte, head bool) bool {
	a.opaque.Store(true)
	a.scan.stage, a.drawn = start, false
	a.asked.Store(false)
	if head && a.fate != whole {
		part = a.scan.head
	}
	return a.say(part) && (len(rest) == 0 || a.say(rest))
}

// draw decides an answer's fate and lets it be late.
func (a *answers) draw() bool {
	a.drawn, a.fate, a.rule = true, whole, nil
	asked, known := a.answering()
	if !known && !a.opaque.Load() {
		return a.pass() // it answers nothing: a server that gives up on a client says so unasked
	}
	now := a.path.posture.Load()
	if now.delay.strikes(asked.target) {
		now.delay.bitten.Add(1)
		if !a.wait(now.delay, now.delay.late()) {
			return false
		}
		now = a.path.posture.Load()
	}
	switch {
	case now.reset.strikes(asked.target):
		now.reset.bitten.Add(1)
		a.reset()
		return false
	case now.halve.strikes(asked.target):
		a.fate, a.rule = halved, now.halve
	case known && now.status.strikes(asked.target):
		a.fate, a.rule = replaced, now.status
	}
	return true
}

// headed passes a head on, or what takes its place. part is its last piece; all
// of it is in a.scan.head.
func (a *answers) headed(part []byte) bool {
	asked, _ := a.answering()
	head, err := readAnswer(a.scan.head, asked)
	if err != nil {
		return a.giveUp(part, nil, true)
	}
	all := part
	if a.fate != whole {
		all = a.scan.head
	}
	switch {
	case head.interim():
		// Held back it would be waited for: the client sends its body after it.
		ok := a.say(all)
		a.scan.body(noBody, 0)
		return ok
	case a.fate == replaced:
		return a.replace(head, asked)
	case a.fate == halved:
		return a.halve(head, all)
	case head.tunnels(asked):
		a.opaque.Store(true) // before the client knows, and speaks otherwise
		head.framing = noBody
	}
	if !a.say(all) {
		return false
	}
	a.follow(head)
	return true
}

// follow goes on to the body, or to the next answer.
func (a *answers) follow(head answerHead) {
	if a.scan.body(head.framing, head.length) {
		a.finished()
	}
}

// finished ends an answer.
func (a *answers) finished() {
	a.answered()
	a.drawn = false
}

// replace says a bare status in an answer's place, and swallows the answer
// where that keeps the connection.
func (a *answers) replace(head answerHead, asked request) bool {
	keep := !head.closes && !head.tunnels(asked) && (head.framing == noBody || head.framing == byLength && head.length <= swallowed)
	a.rule.bitten.Add(1)
	if !a.say(bareAnswer(head.version, a.rule.Status, asked.method, keep)) {
		return false
	}
	if !keep {
		return a.cut(false)
	}
	a.follow(head)
	return true
}

// bareAnswer is an answer that says its status and who made it.
func bareAnswer(version string, status int, method string, keep bool) []byte {
	text := http.StatusText(status)
	body := fmt.Sprintf("%d %s (injected)\n", status, text)
	head := fmt.Sprintf("%s %d %s\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n", version, status, text, len(body))
	if !keep {
		head += "Connection: close\r\n"
	}
	if method == http.MethodHead {
		body = ""
	}
	return []byte(head + "\r\n" + body)
}

// halve passes on half of an answer: half the body where there is one, else
// half the head.
func (a *answers) halve(head answerHead, all []byte) bool {
	a.rule.bitten.Add(1)
	if head.framing == noBody || head.framing == byLength && head.length == 0 {
		return a.say(all[:len(all)/2]) && a.cut(false)
	}
	if !a.say(all) {
		return false
	}
	a.budget = -1
	if head.framing == byLength {
		a.budget = head.length / 2
		if a.budget == 0 {
			return a.cut(false)
		}
	}
	a.follow(head)
	return true
}

// inBody passes a part of a body on, whose beginning was in that stage.
func (a *answers) inBody(part []byte, was stage, ended bool) bool {
	ok := true
	switch {
	case a.fate == replaced:
	case a.fate == halved && was == inSize:
		ok = a.say(part) // what is cut is the chunk itself
	case a.fate == halved && a.budget < 0:
		// Where the end of the connection is the end of the body, an end would
		// pass for the whole.
		return a.say(part[:len(part)/2]) && a.cut(a.scan.stage == toEnd)
	case a.fate == halved && int64(len(part)) >= a.budget:
		return a.say(part[:a.budget]) && a.cut(false)
	case a.fate == halved:
		a.budget -= int64(len(part))
		ok = a.say(part)
	default:
		ok = a.say(part)
	}
	if ended {
		a.finished()
	}
	return ok
}

// cut ends the connection where it stands: with an end, or with a reset where
// an end would mean that all is well. It returns false.
func (a *answers) cut(reset bool) bool {
	a.back.arrive()
	if reset || a.client.CloseWrite() != nil {
		a.reset()
		return false
	}
	a.finish()
	a.client.CloseRead() // wakes the other way
	drop(a.upstream)
	return false
}
