package gateway

import (
	"net/http"
	"time"
)

// Bounds of HTTP/2 on a client's connection. net/http adds its own: streams that
// are reset before they were served count as open until they have been
// ("rapid reset"), and frames that only ask for an answer fill a bounded queue.
const (
	maxStreams   = 128       // at once; RFC 9113 asks for at least 100
	streamWindow = 256 << 10 // of a body that its replica does not take yet
	frontWindow  = 4<<20 - 1 // of all streams of a connection: what is waited for by few does not stop the others
	maxFrame     = 16 << 10  // the smallest there may be: a longer one only makes others wait
	deadAfter    = 30 * time.Second
)

// protocols are what is spoken on a door: HTTP/1.1, and HTTP/2 with whoever
// begins with it (clear text) or agrees on it (TLS).
func protocols() *http.Protocols {
	p := &http.Protocols{}
	p.SetHTTP1(true)
	p.SetHTTP2(true)
	p.SetUnencryptedHTTP2(true)
	return p
}

func frontHTTP2() *http.HTTP2Config {
	return &http.HTTP2Config{
		MaxConcurrentStreams:          maxStreams,
		MaxReadFrameSize:              maxFrame,
		MaxReceiveBufferPerStream:     streamWindow,
		MaxReceiveBufferPerConnection: frontWindow,
		SendPingTimeout:               deadAfter, // a client that is gone without a word holds its streams no longer
		PingTimeout:                   deadAfter / 2,
	}
}

// single says whether the client's connection carries one request at a time, so
// that its end is a way to say that a message is over. Over HTTP/2 every request
// has an end of its own, and to close the connection would hurt the others.
func single(r *http.Request) bool { return r.ProtoMajor < 2 }
