package talk

import (
	"bytes"
	"io"
	"net/http"
	"strconv"
	"time"
	"unicode/utf8"
)

// Refusals, as a server words them.
const (
	Forbidden = "not you\n"
	Old       = "speak another version\n"
)

// Handler answers by one library, also below its name, since a gateway cuts no
// path:
//
//	/echo     says every message again
//	/part     the same, each message in frames of a thousand bytes
//	/close    says goodbye with ?code and ?reason
//	/refuse   403
//	/old      426
//	/die      says one message, then dies when it hears one
func Handler(l Library, die func()) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "well\n") })
	mux.HandleFunc("/echo", func(w http.ResponseWriter, r *http.Request) { echo(l, w, r, whole) })
	mux.HandleFunc("/part", func(w http.ResponseWriter, r *http.Request) { echo(l, w, r, inParts) })
	mux.HandleFunc("/refuse", func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		io.WriteString(w, Forbidden)
	})
	mux.HandleFunc("/old", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Connection", "Upgrade")
		w.Header().Set("Upgrade", "websocket")
		w.Header().Set("Sec-WebSocket-Version", "13")
		w.WriteHeader(http.StatusUpgradeRequired)
		io.WriteString(w, Old)
	})
	mux.HandleFunc("/close", func(w http.ResponseWriter, r *http.Request) {
		t, err := l.Accept(w, r)
		if err != nil {
			return
		}
		defer t.Cut()
		code, _ := strconv.Atoi(r.FormValue("code"))
		t.Close(code, r.FormValue("reason"))
		t.Until(time.Now().Add(pongIn))
		t.Read()
	})
	mux.HandleFunc("/die", func(w http.ResponseWriter, r *http.Request) {
		t, err := l.Accept(w, r)
		if err != nil {
			return
		}
		defer t.Cut()
		t.Write(Text, []byte("alive"))
		if _, _, err := t.Read(); err == nil {
			die()
		}
	})
	outer := http.NewServeMux()
	outer.Handle("/", mux)
	outer.Handle("/"+l.Name+"/", http.StripPrefix("/"+l.Name, mux))
	return outer
}

func whole(message []byte) [][]byte { return [][]byte{message} }

func inParts(message []byte) (parts [][]byte) {
	for len(message) > 1000 {
		parts, message = append(parts, message[:1000]), message[1000:]
	}
	return append(parts, message)
}

func echo(l Library, w http.ResponseWriter, r *http.Request, split func([]byte) [][]byte) {
	t, err := l.Accept(w, r)
	if err != nil {
		return
	}
	defer t.Cut()
	for {
		kind, message, err := t.Read()
		if err != nil {
			return
		}
		if kind == Text && !utf8.Valid(message) {
			t.Close(1007, "")
			return
		}
		if t.Write(kind, split(bytes.Clone(message))...) != nil {
			return
		}
	}
}
