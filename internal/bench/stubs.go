package main

func (b *bench) micro()             {}
func (b *bench) alternatives()      {}
func (b *bench) growth()            {}
func (b *bench) write(string) error { return nil }

type plot struct{}
