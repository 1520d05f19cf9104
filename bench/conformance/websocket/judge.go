package main

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"holdfast/bench/conformance/websocket/talk"
)

type lack string

func (l lack) Error() string { return string(l) }

// errLacks says that a library does not know what a story is about.
const errLacks = lack("the library does not pack messages")

// tell tells a story to an echo, and judges what it says.
func (c story) tell(address string, l talk.Library) error {
	s, err := open(address, c.opens...)
	if err != nil {
		return err
	}
	defer s.Close()
	if s.answer.StatusCode != http.StatusSwitchingProtocols {
		return fmt.Errorf("answered with %s", s.answer.Status)
	}
	if len(c.opens) > 0 && !strings.Contains(s.answer.Header.Get("Sec-WebSocket-Extensions"), "permessage-deflate") {
		if !l.Deflates {
			return errLacks
		}
		return errors.New("packing was not agreed on")
	}
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		for _, piece := range c.send {
			if _, err := s.Write(piece); err != nil {
				return // who is told something wrong may stop listening
			}
		}
	}()
	var h heard
	err = c.hear(s, &h)
	s.SetDeadline(time.Now())
	<-sent
	return c.judge(h, err)
}

func (c story) hear(s *socket, h *heard) error {
	if !c.broken && len(c.codes) == 0 {
		if err := s.listen(len(c.want), h); err != nil {
			return err
		}
		s.Write(goodbye(1000, "").bytes())
	}
	return s.listen(len(c.want)+1, h)
}

func (c story) judge(h heard, err error) error {
	codes := c.codes
	if len(codes) == 0 {
		codes = []int{1000}
	}
	said := h.said
	switch {
	case err == nil:
		return fmt.Errorf("it said too much: %.300q", said)
	case c.broken && len(said) <= len(c.want) && slices.Equal(said, c.want[:len(said)]) && (h.code == 0 || slices.Contains(codes, h.code)):
		var late interface{ Timeout() bool }
		if errors.As(err, &late) && late.Timeout() {
			return errors.New("the connection was not ended")
		}
		return nil
	case c.broken:
		return fmt.Errorf("it said %.300q and goodbye with %d", said, h.code)
	case !slices.Equal(said, c.want):
		return fmt.Errorf("it said %.300q, not %.300q (%v, goodbye with %d)", said, c.want, err, h.code)
	case !slices.Contains(codes, h.code):
		return fmt.Errorf("goodbye with %d, not with one of %v (%v)", h.code, codes, err)
	}
	return nil
}
