package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
)

// A story is what a client sends, and what an echo has to say to it. Their numbers
// are those under which Autobahn's test suite, which judges both ends of a
// WebSocket and cannot be had here, has the same.
type story struct {
	number string
	send   [][]byte // each written by itself
	want   []string // in this order
	codes  []int    // with which it may end; none for any
	broken bool     // the server has to end it, and need not say all of want before
	opens  []string // fields of the upgrade
}

func stories() []story {
	return slices.Concat(framing(), pings(), reserved(), opcodes(), fragments(), letters(), goodbyes(), limits(), packed())
}

func one(f frame) [][]byte { return [][]byte{f.bytes()} }

func all(frames ...frame) (out [][]byte) {
	for _, f := range frames {
		out = append(out, f.bytes())
	}
	return out
}

// chopped writes all at once, chopped in pieces of n bytes.
func chopped(n int, frames ...frame) (out [][]byte) {
	return slices.Collect(slices.Chunk(bytes.Join(all(frames...), nil), n))
}

// stars are n letters, all different enough to be told apart if one is lost.
func stars(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = 'a' + byte((i*7+i/251)%26)
	}
	return b
}

func framing() (all []story) {
	for kind, op := range []byte{text, blob} {
		for i, n := range []int{0, 125, 126, 127, 128, 65535, 65536} {
			f := frame{op: op, payload: stars(n)}
			all = append(all, story{number: fmt.Sprintf("1.%d.%d", kind+1, i+1), send: one(f), want: []string{say(op, f.payload)}})
		}
		f := frame{op: op, payload: stars(65536)}
		all = append(all, story{number: fmt.Sprintf("1.%d.8", kind+1), send: chopped(997, f), want: []string{say(op, f.payload)}})
	}
	return all
}

func pings() []story {
	said := func(p string) []string { return []string{say(pong, []byte(p))} }
	of := func(p string) frame { return frame{op: ping, payload: []byte(p)} }
	odd := "\x00\xff\xfe\xfd\xfc\xfb\x00\xff"
	full := strings.Repeat("\xfe", 125)
	var ten []frame
	var answers []string
	for i := range 10 {
		ten, answers = append(ten, of(fmt.Sprintf("payload-%d", i))), append(answers, say(pong, fmt.Appendf(nil, "payload-%d", i)))
	}
	unasked := frame{op: pong, payload: []byte("unsolicited pong payload")}
	return []story{
		{number: "2.1", send: one(of("")), want: said("")},
		{number: "2.2", send: one(of("Hello, world!")), want: said("Hello, world!")},
		{number: "2.3", send: one(of(odd)), want: said(odd)},
		{number: "2.4", send: one(of(full)), want: said(full)},
		{number: "2.5", send: one(of(full + "x")), broken: true, codes: []int{1002}},
		{number: "2.6", send: chopped(1, of(full)), want: said(full)},
		{number: "2.7", send: one(frame{op: pong})},
		{number: "2.8", send: one(unasked)},
		{number: "2.9", send: all(unasked, of("ping payload")), want: said("ping payload")},
		{number: "2.10", send: all(ten...), want: answers},
		{number: "2.11", send: chopped(1, ten...), want: answers},
	}
}

func reserved() (all_ []story) {
	hello := frame{op: text, payload: []byte("Hello, world!")}
	for i, bits := range []byte{0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70} {
		wrong := hello
		wrong.reserved = bits
		c := story{number: fmt.Sprintf("3.%d", i+1), send: one(wrong), broken: true, codes: []int{1002}}
		switch i {
		case 1, 2:
			c.send, c.want = all(hello, wrong, frame{op: ping}), []string{say(text, hello.payload)}
		case 3:
			c.send, c.want = chopped(1, hello, wrong, frame{op: ping}), []string{say(text, hello.payload)}
		case 4:
			wrong.op = blob
			c.send = one(wrong)
		case 5:
			wrong.op, wrong.payload = ping, nil
			c.send = one(wrong)
		case 6:
			wrong.op, wrong.payload = bye, nil
			c.send = one(wrong)
		}
		all_ = append(all_, c)
	}
	return all_
}

func opcodes() (out []story) {
	hello := frame{op: text, payload: []byte("Hello, world!")}
	for group, first := range []byte{3, 11} {
		for i := range byte(5) {
			wrong := frame{op: first + i}
			if i%2 == 1 {
				wrong.payload = []byte("reserved opcode payload")
			}
			c := story{number: fmt.Sprintf("4.%d.%d", group+1, i+1), send: one(wrong), broken: true, codes: []int{1002}}
			if i >= 2 {
				c.send, c.want = all(hello, wrong, frame{op: ping}), []string{say(text, hello.payload)}
			}
			out = append(out, c)
		}
	}
	return out
}

func fragments() []story {
	first, last := frame{op: text, part: true, payload: []byte("fragment1")}, frame{op: more, payload: []byte("fragment2")}
	middle := frame{op: more, part: true, payload: []byte("fragment2")}
	both := say(text, []byte("fragment1fragment2"))
	asks, asked := frame{op: ping, payload: []byte("ping payload")}, say(pong, []byte("ping payload"))
	stray := frame{op: more, payload: []byte("non-continuation payload")}
	strays := stray
	strays.part = true
	hello := frame{op: text, payload: []byte("Hello, world!")}
	split := func(f frame) frame { f.part = true; return f }
	five := []frame{first, {op: more, part: true, payload: []byte("fragment2")}, asks, {op: more, part: true, payload: []byte("fragment3")},
		{op: more, part: true, payload: []byte("fragment4")}, asks, {op: more, payload: []byte("fragment5")}}
	whole := []string{asked, asked, say(text, []byte("fragment1fragment2fragment3fragment4fragment5"))}
	wrong := func(number string, send [][]byte, want ...string) story {
		return story{number: number, send: send, want: want, broken: true, codes: []int{1002}}
	}
	return []story{
		wrong("5.1", all(split(asks), frame{op: more, payload: []byte("x")})),
		wrong("5.2", all(split(frame{op: pong, payload: []byte("x")}), frame{op: more, payload: []byte("x")})),
		{number: "5.3", send: all(first, last), want: []string{both}},
		{number: "5.4", send: [][]byte{bytes.Join(all(first, last), nil)}, want: []string{both}},
		{number: "5.5", send: chopped(1, first, last), want: []string{both}},
		{number: "5.6", send: all(first, asks, last), want: []string{asked, both}},
		{number: "5.7", send: [][]byte{bytes.Join(all(first, asks, last), nil)}, want: []string{asked, both}},
		{number: "5.8", send: chopped(1, first, asks, last), want: []string{asked, both}},
		wrong("5.9", all(stray, hello)),
		wrong("5.10", [][]byte{bytes.Join(all(stray, hello), nil)}),
		wrong("5.11", chopped(1, stray, hello)),
		wrong("5.12", all(strays, hello)),
		wrong("5.13", [][]byte{bytes.Join(all(strays, hello), nil)}),
		wrong("5.14", chopped(1, strays, hello)),
		wrong("5.15", all(first, last, strays, hello), both),
		wrong("5.16", all(strays, hello, last)),
		wrong("5.17", all(stray, split(hello), last)),
		wrong("5.18", all(first, frame{op: text, payload: []byte("fragment2")})),
		{number: "5.19", send: all(five...), want: whole},
		{number: "5.20", send: all(append([]frame{first, middle}, five[2:]...)...), want: whole},
	}
}

// letters are texts, of which those that are no UTF-8 have to be refused, and none
// else.
func letters() (out []story) {
	kappa := "Hello-µ@ßöäüàá-UTF-8!!"
	good := []string{"", kappa, "κόσμε", "\U0001f600", "\u0000", "\u0080", "\u0800", "\U00010000", "\u007f", "\u07ff", "\uffff", "\U0010ffff",
		"\ud7ff", "\ue000", "\ufffd", "\ufffe", "\U0001fffe", "\U0001ffff", "\U0002fffe", "\U000fffff", "\U0010fffe"}
	for i, s := range good {
		want := []string{say(text, []byte(s))}
		out = append(out, story{number: fmt.Sprintf("6.valid.%d", i+1), send: one(frame{op: text, payload: []byte(s)}), want: want})
		out = append(out, story{number: fmt.Sprintf("6.valid.%d, byte by byte", i+1), send: letterByLetter(s), want: want})
	}
	bad := []string{"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited", "\x80", "\xbf", "\x80\xbf", strings.Repeat("\x80\xbf", 4), "\xc0 \xc1 \xc2 ",
		"\xe0 \xe1 ", "\xf0 \xf1 ", "\xf8 \xf9 ", "\xfc \xfd ", "\xc0", "\xe0\x80", "\xf0\x80\x80", "\xf8\x80\x80\x80", "\xfc\x80\x80\x80\x80", "\xdf", "\xef\xbf",
		"\xf7\xbf\xbf", "\xfe", "\xff", "\xfe\xfe\xff\xff", "\xc0\xaf", "\xe0\x80\xaf", "\xf0\x80\x80\xaf", "\xc1\xbf", "\xe0\x9f\xbf", "\xf0\x8f\xbf\xbf",
		"\xc0\x80", "\xe0\x80\x80", "\xf0\x80\x80\x80", "\xed\xa0\x80", "\xed\xad\xbf", "\xed\xae\x80", "\xed\xaf\xbf", "\xed\xb0\x80", "\xed\xbe\x80", "\xed\xbf\xbf",
		"\xed\xa0\x80\xed\xb0\x80", "\xed\xaf\xbf\xed\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80"}
	for i, s := range bad {
		s = kappa + s
		out = append(out, story{number: fmt.Sprintf("6.invalid.%d", i+1), send: one(frame{op: text, payload: []byte(s)}), broken: true, codes: []int{1007}})
		out = append(out, story{number: fmt.Sprintf("6.invalid.%d, byte by byte", i+1), send: letterByLetter(s), broken: true, codes: []int{1007}})
	}
	return out
}

// letterByLetter has a frame for each byte.
func letterByLetter(s string) [][]byte {
	frames := []frame{{op: text, part: true}}
	for i := range len(s) {
		frames = append(frames, frame{op: more, part: true, payload: []byte{s[i]}})
	}
	return all(append(frames, frame{op: more})...)
}

func goodbye(code int, why string) frame {
	return frame{op: bye, payload: append(binary.BigEndian.AppendUint16(nil, uint16(code)), why...)}
}

func goodbyes() []story {
	hello := frame{op: text, payload: []byte("Hello World!")}
	said := []string{say(text, hello.payload)}
	out := []story{
		{number: "7.1.1", send: all(hello, goodbye(1000, "")), want: said, codes: []int{1000}},
		{number: "7.1.2", send: all(goodbye(1000, ""), goodbye(1000, "")), codes: []int{1000}},
		{number: "7.1.3", send: all(goodbye(1000, ""), frame{op: ping}), codes: []int{1000}},
		{number: "7.1.4", send: all(goodbye(1000, ""), hello), codes: []int{1000}},
		{number: "7.1.5", send: all(frame{op: text, part: true, payload: []byte("fragment1")}, goodbye(1000, ""), frame{op: more, payload: []byte("fragment2")}), codes: []int{1000}},
		{number: "7.1.6", send: all(frame{op: text, payload: stars(256 << 10)}, hello, goodbye(1000, ""), frame{op: ping}), want: []string{say(text, stars(256<<10)), said[0]}, codes: []int{1000}},
		{number: "7.3.1", send: one(frame{op: bye}), codes: []int{1000, 1005}},
		{number: "7.3.2", send: one(frame{op: bye, payload: []byte("a")}), broken: true, codes: []int{1002}},
		{number: "7.3.3", send: one(goodbye(1000, "")), codes: []int{1000}},
		{number: "7.3.4", send: one(goodbye(1000, "Hello World!")), codes: []int{1000}},
		{number: "7.3.5", send: one(goodbye(1000, strings.Repeat("*", 123))), codes: []int{1000}},
		{number: "7.3.6", send: one(goodbye(1000, strings.Repeat("*", 124))), broken: true, codes: []int{1002}},
		{number: "7.5.1", send: one(goodbye(1000, "\xce\xba\xe1\xbd\xb9\xed\xa0\x80")), broken: true, codes: []int{1002, 1007}},
	}
	for i, code := range []int{1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999} {
		out = append(out, story{number: fmt.Sprintf("7.7.%d", i+1), send: one(goodbye(code, "")), codes: []int{code, 1000}})
	}
	for i, code := range []int{0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999} {
		out = append(out, story{number: fmt.Sprintf("7.9.%d", i+1), send: one(goodbye(code, "")), broken: true, codes: []int{1002}})
	}
	return out
}

func limits() (out []story) {
	for kind, op := range []byte{text, blob} {
		for i, n := range []int{64 << 10, 256 << 10, 1 << 20, 4 << 20, 8 << 20, 16 << 20} {
			whole := stars(n)
			want := []string{say(op, whole)}
			out = append(out, story{number: fmt.Sprintf("9.%d.%d", kind+1, i+1), send: one(frame{op: op, payload: whole}), want: want})
		}
		whole := stars(4 << 20)
		for i, n := range []int{64, 256, 1 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20, 4 << 20} {
			out = append(out, story{number: fmt.Sprintf("9.%d.%d", kind+3, i+1), send: chopped(64<<10, inFrames(op, whole, n)...), want: []string{say(op, whole)}})
		}
		whole = stars(1 << 20)
		for i, n := range []int{64, 128, 256, 512, 1024, 2048} {
			out = append(out, story{number: fmt.Sprintf("9.%d.%d", kind+5, i+1), send: chopped(n, frame{op: op, payload: whole}), want: []string{say(op, whole)}})
		}
		for i, n := range []int{0, 16, 64, 256, 1024, 4096} {
			f := frame{op: op, payload: stars(n)}
			out = append(out, story{number: fmt.Sprintf("9.%d.%d", kind+7, i+1), send: all(slices.Repeat([]frame{f}, 1000)...), want: slices.Repeat([]string{say(op, f.payload)}, 1000)})
		}
	}
	return append(out, story{number: "10.1.1", send: all(inFrames(text, stars(65536), 1300)...), want: []string{say(text, stars(65536))}})
}

func inFrames(op byte, whole []byte, n int) (out []frame) {
	for piece := range slices.Chunk(whole, n) {
		out = append(out, frame{op: op, part: true, payload: piece})
		op = more
	}
	out[len(out)-1].part = false
	return out
}

// offers are what is asked of a server that packs messages.
func offers() []string {
	return []string{
		"permessage-deflate; client_no_context_takeover; server_no_context_takeover",
		"permessage-deflate; server_no_context_takeover; client_no_context_takeover; client_max_window_bits",
	}
}

func packed() (out []story) {
	for o, offer := range offers() {
		for i, n := range []int{16, 64, 256, 1024, 4096, 8192, 16384, 32768, 65536, 131072} {
			whole := stars(n)
			f := frame{op: text, reserved: 0x40, payload: pack(whole)}
			pieces := inFrames(text, f.payload, max(1, len(f.payload)/5))
			pieces[0].reserved = 0x40
			out = append(out, story{
				number: fmt.Sprintf("%d.1.%d", 12+o, i+1), opens: []string{"Sec-WebSocket-Extensions: " + offer},
				send: append(all(slices.Repeat([]frame{f}, 20)...), all(pieces...)...), want: slices.Repeat([]string{say(text, whole)}, 21),
			})
		}
	}
	return out
}
