"""Floor 2: tasks, the drawn world, public sets, folders of your own images, texts."""
