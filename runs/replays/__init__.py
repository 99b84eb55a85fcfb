"""How does one path run before one's eyes? Its facts, round by round, as a page that stands alone or as a film."""
