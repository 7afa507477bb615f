group "default" {
  targets = ["h"]
}

target "h" {
  inherits = ["a"]
  tags     = ["h"]
  labels   = {}
}

target "a" {
  args = { H = "1" }
}
