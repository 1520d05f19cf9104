package load

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"holdfast"
)

// healthCall is the one call that every service of gRPC can be asked: with the
// standard health service it says how the server is, and without it that there is
// none (UNIMPLEMENTED). Either is an answer of the replica's.
const healthCall = "/grpc.health.v1.Health/Check"

// noStatus is what a call ended with that has no status.
const noStatus = "no status"

// rpcStatuses are gRPC's, by their numbers.
func rpcStatuses() []string {
	return []string{
		"OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED",
		"RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS",
		"UNAUTHENTICATED",
	}
}

// failing says whether a status is no answer: the service did not do what it is
// there for. The gateway has a list of its own, and ours does not follow it: who
// looks for another's mistakes must not share them.
func failing(status string) bool {
	switch status {
	case "UNKNOWN", "DEADLINE_EXCEEDED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS", noStatus:
		return true
	}
	return false
}

// newCall is the call that a target of gRPC is asked: of the method below the
// path that its route is for, where it has one.
func newCall(target Target, at *url.URL) *request {
	to := *at
	switch path := strings.TrimSuffix(at.Path, "/"); {
	case holdfast.Below(healthCall, path):
		to.Path = healthCall
	case strings.Count(path, "/") > 1:
	default:
		to.Path = path + "/Check"
	}
	return &request{
		method: http.MethodPost, at: &to, call: true,
		body:   "\x00\x00\x00\x00\x00", // an empty message: not compressed, no bytes
		header: append(target.header(), holdfast.Field{Name: "Content-Type", Value: "application/grpc"}, holdfast.Field{Name: "Te", Value: "trailers"}),
	}
}

// settle reads how a call ended, once all of it has come.
func (a *answer) settle(response *http.Response) {
	if a.err != nil || a.status != http.StatusOK {
		return
	}
	at := response.Trailer
	if response.Header.Get("Grpc-Status") != "" { // it ended with its head
		at = response.Header
	}
	if a.call = rpcName(at.Get("Grpc-Status")); !failing(a.call) {
		return
	}
	a.err = fmt.Errorf("%s", strings.TrimSpace(a.call+" "+plainMessage(at.Get("Grpc-Message"))))
}

// rpcName is the name of a status that came as a number.
func rpcName(number string) string {
	names := rpcStatuses()
	for n, name := range names {
		if number == fmt.Sprint(n) {
			return name
		}
	}
	return noStatus
}

// plainMessage is the text of a status, which is escaped as in a URL.
func plainMessage(text string) string {
	if plain, err := url.PathUnescape(text); err == nil {
		text = plain
	}
	return printable(text, maxBody)
}
